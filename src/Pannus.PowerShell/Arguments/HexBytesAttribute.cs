using System.Management.Automation;

namespace Pannus.PowerShell;

/// <summary>Lets bytes be given as text in hexadecimal digits, as a command file has them.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class HexBytesAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object value = inputData is PSObject item ? item.BaseObject : inputData;
        if (value is int or long or decimal or double)
        {
            // Digits without quotes are a decimal number to PowerShell, which nobody means here.
            throw new ArgumentTransformationMetadataException(
                $"{value} is a number. Put hexadecimal data in quotes, such as '90', or give an array of bytes.");
        }
        if (value is not string text) return inputData;
        string digits = string.Concat(text.Where(c => !char.IsWhiteSpace(c)));
        if (digits.StartsWith("0x", StringComparison.OrdinalIgnoreCase)) digits = digits[2..];
        try
        {
            return Convert.FromHexString(digits);
        }
        catch (FormatException)
        {
            throw new ArgumentTransformationMetadataException(
                $"'{text}' is not hexadecimal data. Give two digits a byte, such as 7374725f, or an array of bytes.");
        }
    }
}
