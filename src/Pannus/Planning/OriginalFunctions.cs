using Pannus.Core;
using Pannus.Images;
using Pannus.Symbols;
using Pannus.Targets;

namespace Pannus.Planning;

/// <summary>
/// The functions that a patch replaces and still calls: its undefined <c>NAME__original</c> is the code that NAME has in its
/// program's file, whatever patches are in force besides. Each has a trampoline in the patch's own memory: the instructions
/// that the jump overwrites, as <see cref="OriginalCode"/> moves them, and a jump behind them.
/// </summary>
internal sealed class OriginalFunctions
{
    private const ulong SlotSize = OriginalCode.LongestTrampoline;

    private readonly TargetProcess _target;
    private readonly Dictionary<string, (ResolvedSymbol Function, ulong Offset)> _functions = [];

    private OriginalFunctions(TargetProcess target) => _target = target;

    /// <summary>
    /// Finds what the patch asks for. <paramref name="symbols"/> are the commands' targets. Errors:
    /// <see cref="PatchErrorId.SymbolAmbiguous"/> when two functions of that name are replaced and no alias tells which.
    /// </summary>
    public static OriginalFunctions Find(TargetProcess target, PatchImage image, PatchCommandSet commands,
        IReadOnlyList<ResolvedSymbol> symbols)
    {
        var originals = new OriginalFunctions(target);
        string[] names = [.. image.Relocations.Select(r => r.Symbol).Where(s => s is { IsDefined: false })
            .Select(s => s!.Name).Where(n => n.EndsWith(PatchCommandSet.OriginalSuffix, StringComparison.Ordinal)).Distinct()];
        foreach (string name in names)
        {
            int[] fitting = [.. Enumerable.Range(0, symbols.Count)
                .Where(i => commands.Commands[i].Kind == PatchCommandKind.Jump && Means(commands, name, commands.Commands[i].Target))
                .DistinctBy(i => symbols[i].Address)];
            if (fitting.Length > 1)
            {
                throw new PatchException(PatchErrorId.SymbolAmbiguous,
                    $"{image.Name} needs {name}, and replaces {string.Join(" and ", fitting.Select(i => commands.Commands[i].Target))}. "
                    + $"Say which: alias {name} {commands.Commands[fitting[0]].Target}");
            }
            if (fitting.Length == 0) continue;
            originals._functions[name] = (symbols[fitting[0]], image.Size + (ulong)originals._functions.Count * SlotSize);
        }
        return originals;
    }

    /// <summary>The image with room for the trampolines.</summary>
    public PatchImage Extend(PatchImage image) => _functions.Count == 0 ? image
        : image.WithCode(Page.Up((ulong)_functions.Count * SlotSize));

    /// <summary>Where the trampoline of a name lies, as an offset in the image; null for other names.</summary>
    public ulong? OffsetOf(string name) => _functions.TryGetValue(name, out (ResolvedSymbol, ulong Offset) found) ? found.Offset : null;

    /// <summary>
    /// Writes the trampolines for the place that the patch has. Errors: <see cref="PatchErrorId.EntryIsBranchTarget"/>,
    /// <see cref="PatchErrorId.CodeChanged"/>, <see cref="PatchErrorId.NoAddressSpace"/>, and those of
    /// <see cref="WritePlanner.Jump"/>.
    /// </summary>
    public void Write(PatchPlacement placement, WritePlanner planner)
    {
        foreach ((ResolvedSymbol function, ulong offset) in _functions.Values)
        {
            byte[] code = new OriginalCode(_target, planner.Entry(function), planner.Labels).MoveTo(placement.Address + offset);
            code.CopyTo(placement.Content.AsSpan((int)offset));
        }
    }

    private static bool Means(PatchCommandSet commands, string name, string target)
    {
        if (commands.Aliases.TryGetValue(name, out string? alias)) return alias == target;
        SymbolName parsed = SymbolName.Parse(target);
        return parsed.Offset == 0 && parsed.Name == name[..^PatchCommandSet.OriginalSuffix.Length];
    }
}
