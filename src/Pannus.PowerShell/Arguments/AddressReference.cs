using System.Globalization;
using System.Management.Automation;
using Pannus.Core;
using Pannus.Symbols;

namespace Pannus.PowerShell;

/// <summary>
/// An address in a target as users name it: a number, hexadecimal text (<c>0x401136</c>), a resolved symbol, or any
/// object with an <c>Address</c>.
/// </summary>
public sealed class AddressReference
{
    private readonly bool _isResolver;

    /// <summary>Makes a reference. Throws <see cref="PSInvalidCastException"/> with advice.</summary>
    public AddressReference(object value)
    {
        PSObject item = PSObject.AsPSObject(value);
        switch (item.BaseObject)
        {
            case string text:
                Address = Parse(text);
                break;
            // PowerShell reads 0xf7d37e80 as a negative int, and 0xffff... as a negative long.
            case int number:
                Address = unchecked((uint)number);
                break;
            case long number:
                Address = unchecked((ulong)number);
                break;
            case uint or ulong or short or ushort or byte or sbyte or decimal or double:
                Address = LanguagePrimitives.ConvertTo<ulong>(item.BaseObject);
                break;
            default:
                Address = LanguagePrimitives.ConvertTo<ulong>(item.Properties["Address"]?.Value
                    ?? throw new PSInvalidCastException("It is neither an address nor an object with an Address."));
                if (LanguagePrimitives.TryConvertTo(item.Properties["Id"]?.Value, out int id)) Id = id;
                Name = item.Properties["Name"]?.Value as string;
                _isResolver = LanguagePrimitives.TryConvertTo(item.Properties["Type"]?.Value, out SymbolType type)
                    && type == SymbolType.IndirectFunction;
                break;
        }
    }

    /// <summary>The address in the target's memory.</summary>
    public ulong Address { get; }

    /// <summary>Process that the object belongs to; 0 when only an address was given.</summary>
    public int Id { get; }

    /// <summary>Name of the symbol; null when only an address was given.</summary>
    public string? Name { get; }

    /// <inheritdoc/>
    public override string ToString() => Name ?? DisplayText.Hex(Address);

    /// <summary>Checks that something of the process <paramref name="id"/> can be led there.</summary>
    internal void CheckIsDestinationIn(int id)
    {
        CheckIsIn(id);
        if (!_isResolver) return;
        throw new PatchException(PatchErrorId.CommandInvalid,
            $"{this} is an IFUNC: what it stands for is known only when its resolver has run. Name the implementation itself.");
    }

    /// <summary>Checks that it belongs to the process <paramref name="id"/>, as far as that is known.</summary>
    internal void CheckIsIn(int id)
    {
        if (Id == 0 || Id == id) return;
        throw new PatchException(PatchErrorId.CommandInvalid,
            $"{this} is an address in process {Id}, but the write is to process {id}. Resolve it in process {id}.");
    }

    private static ulong Parse(string text)
    {
        bool isHex = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        return ulong.TryParse(isHex ? text.AsSpan(2) : text, isHex ? NumberStyles.HexNumber : NumberStyles.None,
            CultureInfo.InvariantCulture, out ulong address) ? address
            : throw new PSInvalidCastException($"'{text}' is not an address. Write it like 0x401136.");
    }
}

/// <summary>
/// Lets an <see cref="AddressReference"/> be given in every spelling. A positional argument that PowerShell's own
/// conversion can't make one of would only be called unexpected; this says what is wrong with it.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class AddressTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        if (inputData is null or AddressReference) return inputData!;
        try
        {
            return new AddressReference(inputData);
        }
        catch (PSInvalidCastException e)
        {
            throw new ArgumentTransformationMetadataException(e.Message, e);
        }
    }
}
