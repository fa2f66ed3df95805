using System.Management.Automation;
using System.Reflection;
using System.Runtime.CompilerServices;
using Pannus.Applying;
using Pannus.Images;
using Pannus.Symbols;

namespace Pannus.PowerShell;

/// <summary>
/// Makes objects of this module again of what a job, a remote session or a file has brought: such an object has their
/// properties, and says in its type name what it was.
/// </summary>
internal static class Revival
{
    private const string Prefix = "Deserialized.";

    private static readonly Dictionary<string, Type> s_types =
        new[] { typeof(PatchModule), typeof(ResolvedSymbol) }.ToDictionary(t => Prefix + t.FullName, StringComparer.Ordinal);

    /// <summary>The object itself without PowerShell's wrapper, or one that is made of its properties.</summary>
    public static object? Of(object? value)
    {
        if (value is not PSObject item) return value;
        foreach (string name in item.TypeNames)
            if (s_types.TryGetValue(name, out Type? type)) return Make(type, item);
        return item.BaseObject;
    }

    /// <summary>Whether it is a hold that another session, or a file, has brought.</summary>
    public static bool IsForeignHold(object? value) =>
        value is PSObject item && item.TypeNames.Contains(Prefix + typeof(PatchSuspension).FullName);

    private static object Make(Type type, PSObject item)
    {
        object made = RuntimeHelpers.GetUninitializedObject(type);
        foreach (PropertyInfo property in type.GetProperties())
        {
            if (!property.CanWrite) continue;
            if (item.Properties[property.Name]?.Value is not { } value)
                throw new PSInvalidCastException($"It says that it was a {type.Name}, but has no {property.Name}.");
            property.SetValue(made, LanguagePrimitives.ConvertTo(value, property.PropertyType));
        }
        return made;
    }
}

/// <summary>Lets a symbol or a mounted patch be given that was one in another session.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class RevivedAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        try
        {
            return Revival.Of(inputData)!;
        }
        catch (PSInvalidCastException e)
        {
            throw new ArgumentTransformationMetadataException(e.Message, e);
        }
    }
}

/// <summary>Says of a hold from another session that only that session can use it.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class OwnHoldAttribute : ArgumentTransformationAttribute
{
    /// <summary>What to say of such a hold.</summary>
    internal const string Advice = "This is the record of a hold, not the hold: that belongs to the session that called "
        + "Suspend-PatchProcess, and ends there or at its deadline. Suspend and resume in one session.";

    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) =>
        Revival.IsForeignHold(inputData) ? throw new ArgumentTransformationMetadataException(Advice) : inputData;
}
