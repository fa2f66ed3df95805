using Pannus.Core;
using Pannus.Targets;
using Pannus.Unwinding;

namespace Pannus.Symbols;

/// <summary>Where functions begin and end by the unwind tables, which a stripped module has, too.</summary>
internal static class FunctionBounds
{
    /// <summary>The function that an address of the file is in; null when the tables have none.</summary>
    public static AddressRange? Find(TargetProcess target, TargetModule module, ulong value) =>
        UnwindTable.Read(module.Image, target.Architecture.Unwind) is { } table && table.TryFind(value, out FrameEntry entry)
            ? new AddressRange(entry.Start, entry.Length) : null;
}
