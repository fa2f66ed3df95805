using Pannus.Authoring.Objects;
using Pannus.Core;
using Pannus.Elf;
using Pannus.Machines;

namespace Pannus.Authoring.Binary;

/// <summary>Where an atom lies in the target's file.</summary>
/// <param name="Address">Virtual address as the file has it.</param>
/// <param name="Size">Size by the symbol table; 0 when it is not known.</param>
internal readonly record struct TargetPlace(ulong Address, ulong Size);

/// <summary>
/// The file that the target runs, and where the atoms of our objects lie in it. A symbol is looked for among those of
/// its source file, as the linker leaves them (STT_FILE), whatever its binding has become: what is hidden or local by
/// a version script is local in a linked file.
/// </summary>
internal sealed class TargetBinary : IDisposable
{
    private const ulong PositionIndependentProgram = 0x08000000; // DF_1_PIE; a static one has no PT_INTERP.

    private readonly ElfImage? _symbolFile;
    private readonly SymbolGroups _groups;
    private readonly TargetNames _names;
    private readonly Dictionary<Atom, TargetPlace?> _known = [];
    private readonly HashSet<string> _preemptible;

    private TargetBinary(ElfImage file, ElfImage? symbolFile)
    {
        (File, _symbolFile) = (file, symbolFile);
        Architecture = TargetArchitecture.Of(file) ?? throw new PatchException(
            PatchErrorId.ArchitectureMismatch, $"{file.DisplayName} is for {TargetArchitecture.Describe(file)}.");
        ElfSymbolTable symbols = file.HasSymbolTable ? file.SymbolTable : symbolFile is not null
            ? symbolFile.SymbolTable : file.DynamicSymbols;
        _groups = new SymbolGroups(symbols, file);
        IsLibrary = file.Type == ElfType.Dyn && file.Interpreter.Length == 0
            && ((file.DynamicValue(DynamicTag.Flags1) ?? 0) & PositionIndependentProgram) == 0;
        _names = new TargetNames(file, IsLibrary);
        bool isSymbolic = file.DynamicValue((DynamicTag)16) is not null
            || ((file.DynamicValue((DynamicTag)30) ?? 0) & 2) != 0;
        _preemptible = !IsLibrary || isSymbolic ? []
            : [.. file.DynamicSymbols.Where(s => s.IsDefined && !s.IsLocal && !s.IsHidden && !s.IsProtected)
                .Select(s => s.Name)];
    }

    public ElfImage File { get; }

    public TargetArchitecture Architecture { get; }

    /// <summary>Whether it is a library, and not a program.</summary>
    public bool IsLibrary { get; }

    /// <summary>Whether there are symbols of its own code.</summary>
    public bool HasSymbols => File.HasSymbolTable || _symbolFile is not null;

    /// <summary>Opens the file, and one with its symbols. Errors: those of <see cref="ElfImage.OpenFile"/>.</summary>
    public static TargetBinary Open(string path, string? symbolPath)
    {
        ElfImage file = ElfImage.OpenFile(path);
        ElfImage? symbols = null;
        try
        {
            if (symbolPath is not null && !file.HasSymbolTable) symbols = ElfImage.OpenFile(symbolPath);
            return new TargetBinary(file, symbols);
        }
        catch
        {
            symbols?.Dispose();
            file.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Where an atom of the base lies; null when it is not in the file, or cannot be told from another.
    /// </summary>
    public TargetPlace? Find(Atom atom)
    {
        if (!_known.TryGetValue(atom, out TargetPlace? place)) _known[atom] = place = atom.Symbols.Count == 0 ? null
            : _groups.Find(atom);
        return place;
    }

    /// <summary>How a command names the atom at a place.</summary>
    public string NameOf(Atom atom, TargetPlace place) => _names.Of(
        [.. atom.Symbols.Where(s => !s.IsTemporary).Select(s => s.Name)], atom.Object.SourceName, place.Address);

    /// <summary>
    /// Whether another module's definition of that name may take the place of the library's own, so that only the
    /// dynamic linker knows which one is meant.
    /// </summary>
    public bool IsPreemptible(string name) => _preemptible.Contains(name);

    /// <summary>Whether other modules can refer to it.</summary>
    public bool IsExported(Atom atom) => IsLibrary && atom.Symbols.Any(s => !s.IsLocal && _names.IsExported(s.Name));

    /// <summary>
    /// Where a symbol lies that our objects do not define, such as one of the C runtime's own; null when there is
    /// none.
    /// </summary>
    public string? NameOfHidden(string name) => _groups.FindHidden(name) is { } place
        ? _names.Of([name], "", place.Address) : null;

    public void Dispose()
    {
        _symbolFile?.Dispose();
        File.Dispose();
    }
}
