using Pannus.Core;
using Pannus.Elf;

namespace Pannus.Images;

/// <summary>Lays a patch file out as it will lie in memory, and refuses what cannot work before anything is mapped.</summary>
internal static class PatchImageReader
{
    /// <summary>Largest patch in bytes: more than that within reach of a jump would be hard to place.</summary>
    public const ulong LargestImage = 1ul << 29;

    /// <summary>
    /// Reads a patch. Errors: <see cref="PatchErrorId.PatchFileInvalid"/>, <see cref="PatchErrorId.ConstructorUnsupported"/>,
    /// <see cref="PatchErrorId.RelocationUnsupported"/>.
    /// </summary>
    public static PatchImage Read(PatchFile patch)
    {
        patch.Image.SymbolTable.CheckNames();
        patch.Image.DynamicSymbols.CheckNames();
        return patch.Image.Type == ElfType.Rel ? ObjectLayout.Read(patch) : SharedObjectLayout.Read(patch);
    }

    internal static PatchException Invalid(PatchFile patch, string what) =>
        new(PatchErrorId.PatchFileInvalid, $"{patch.Path}: {what}.");

    internal static PatchException OwnThreadLocals(PatchFile patch) => new(PatchErrorId.RelocationUnsupported,
        $"{patch.Path}: the patch has thread-local variables of its own, for which running threads have no room. Use ordinary "
        + "variables, or those of the target.");
}
