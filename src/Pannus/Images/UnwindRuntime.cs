using System.Reflection;
using Pannus.Core;
using Pannus.Machines;
using Pannus.Symbols;

namespace Pannus.Images;

/// <summary>
/// The patch by which a target's own unwinders find other patches: it replaces what they ask for the code around an address
/// (Runtime/unwind.S) and answers from a table, which is written from outside. Nothing of it calls the target's loader or allocator.
/// </summary>
internal static class UnwindRuntime
{
    /// <summary>Its name as a live patch.</summary>
    public const string Name = "pannus-unwind";

    private static readonly (string Asked, string Answer)[] s_hooks =
        [("_dl_find_object", "pannus_find_object"), ("dl_iterate_phdr", "pannus_iterate_phdr")];

    /// <summary>The patch file.</summary>
    public static PatchFile Open(TargetArchitecture architecture)
    {
        string name = architecture.Bitness == 64 ? "unwind-x64.o" : "unwind-ia32.o";
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
        byte[] data = new byte[stream.Length];
        stream.ReadExactly(data);
        return PatchFile.FromBytes(data, Name);
    }

    /// <summary>Its commands in a target: one for each question that the target's C library answers; null when it answers none.</summary>
    public static PatchCommandSet? CommandsFor(SymbolResolver resolver)
    {
        PatchCommand[] commands = [.. s_hooks.Where(h => IsThere(resolver, h.Asked))
            .Select((h, i) => new PatchCommand(PatchCommandKind.Jump, h.Asked, h.Answer, [], Name, i + 1))];
        return commands.Length == 0 ? null : new PatchCommandSet { Name = Name, Commands = commands };
    }

    private static bool IsThere(SymbolResolver resolver, string name)
    {
        try
        {
            return resolver.Resolve(name).Type == SymbolType.Function;
        }
        catch (PatchException e) when (e.Id is PatchErrorId.SymbolNotFound or PatchErrorId.SymbolAmbiguous)
        {
            return false;
        }
    }
}
