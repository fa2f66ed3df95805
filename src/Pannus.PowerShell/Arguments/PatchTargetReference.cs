using System.Diagnostics;
using System.Globalization;
using System.Management.Automation;
using Pannus.Fleet;
using Pannus.Targets;

namespace Pannus.PowerShell;

/// <summary>
/// A process as users name it: a number, a <see cref="Process"/>, a <see cref="PatchTarget"/>, or any object with an
/// <c>Id</c>, such as a symbol or what came back from a remote session. Where the object also has <c>StartTicks</c>, an
/// id that was used again since is refused.
/// </summary>
public sealed class PatchTargetReference
{
    /// <summary>Conversion for PowerShell. Throws <see cref="PSInvalidCastException"/> with advice.</summary>
    public PatchTargetReference(object value)
    {
        PatchTargetReference found = TryCreate(value) ?? throw new PSInvalidCastException(Unwrap(value) is string name
            ? $"'{name}' is not a process id. To find processes by name use: Get-PatchTarget '{name}' | ..."
            : "It is neither a process id nor an object with an Id.");
        (Id, StartTicks, Source, IsForeignHold) = (found.Id, found.StartTicks, found.Source, found.IsForeignHold);
    }

    private PatchTargetReference(int id, ulong? startTicks, object? source) =>
        (Id, StartTicks, Source) = (id, startTicks, source);

    /// <summary>Process id.</summary>
    public int Id { get; }

    /// <summary>Start time in clock ticks after boot, where it is known.</summary>
    public ulong? StartTicks { get; }

    /// <summary>The object it was made from; null for a number.</summary>
    public object? Source { get; }

    /// <summary>Whether it was made from the record of another session's hold.</summary>
    internal bool IsForeignHold { get; private init; }

    /// <summary>Makes a reference; null when <paramref name="value"/> names no process.</summary>
    public static PatchTargetReference? TryCreate(object? value)
    {
        object? source = Revival.Of(value);
        switch (source)
        {
            case null or Array:
                return null;
            case PatchTargetReference reference:
                return reference;
            case string text:
                return int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out int number)
                    ? new PatchTargetReference(number, null, null) : null;
            case ValueType:
                return source is not (bool or char or Enum) && LanguagePrimitives.TryConvertTo(source, out int id)
                    ? new PatchTargetReference(id, null, null) : null;
        }

        PSObject item = PSObject.AsPSObject(value);
        if (Property("Id") is not { } idValue || !LanguagePrimitives.TryConvertTo(idValue, out int itemId)) return null;
        bool hasTicks = LanguagePrimitives.TryConvertTo(Property("StartTicks"), out ulong ticks) && ticks != 0;
        return new PatchTargetReference(itemId, hasTicks ? ticks : null, source) { IsForeignHold = Revival.IsForeignHold(value) };

        object? Property(string name)
        {
            try
            {
                return item.Properties[name]?.Value;
            }
            catch (GetValueException)
            {
                // Such as Process.Id of a Process that was never started.
                return null;
            }
        }
    }

    /// <summary>Opens the process. Errors: see <see cref="TargetProcess.Open"/>.</summary>
    internal TargetProcess Open() => TargetProcess.Open(Id, StartTicks);

    /// <inheritdoc/>
    public override string ToString() => Id.ToString(CultureInfo.InvariantCulture);

    private static object? Unwrap(object? value) => value is PSObject item ? item.BaseObject : value;
}

/// <summary>
/// Lets a <see cref="PatchTargetReference"/> be given in every spelling. What names no process is passed on unchanged and
/// not refused here, so that PowerShell goes on to try it as the first argument after a target from the pipeline.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class TargetTransformationAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object value = inputData is PSObject item ? item.BaseObject : inputData;
        if (value is Array { Length: > 1 } several && several.Cast<object>().All(v => PatchTargetReference.TryCreate(v) is not null))
        {
            throw new ArgumentTransformationMetadataException(
                $"These are {several.Length} targets, and an argument names one. Send several through the pipeline: $targets | ...");
        }
        return PatchTargetReference.TryCreate(value is Array { Length: 1 } one ? one.GetValue(0) : inputData) ?? inputData;
    }
}
