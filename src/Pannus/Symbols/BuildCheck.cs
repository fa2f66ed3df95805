using Pannus.Core;
using Pannus.Elf;
using Pannus.Targets;

namespace Pannus.Symbols;

/// <summary>
/// Whether names that come from another file, a symbol file or a map file, are those of the build that runs. A build id on both
/// sides says it; where one is missing, what the module itself tells has to agree: its sections, its code, the names that it
/// exports, and where its functions begin and end (which unwind tables tell of stripped programs, too).
/// </summary>
internal sealed class BuildCheck(TargetProcess target, TargetModule module, string file)
{
    // Assembly code has names inside of what is one function for an unwinder, as glibc's __restore_rt.
    private const int FewOdd = 1, OddShare = 50;

    private static readonly string[] s_dataSections = [".rodata", ".data", ".bss"];

    /// <summary>Whether names of the file still have to be looked at one by one (<see cref="CheckName"/>).</summary>
    public bool IsInDoubt { get; private set; }

    /// <summary>Checks a symbol file. Error: <see cref="PatchErrorId.BuildIdMismatch"/>.</summary>
    public void Check(ElfImage symbols)
    {
        if (symbols.BuildId.Length > 0 && module.BuildId.Length > 0)
        {
            if (symbols.BuildId == module.BuildId) return;
            throw new PatchException(PatchErrorId.BuildIdMismatch,
                $"{file} is of build {symbols.BuildId}, and {module.Name} runs build {module.BuildId}. Give the symbols of that build.");
        }
        if (symbols.Machine != module.Image.Machine || symbols.Class != module.Image.Class || symbols.Entry != module.Image.Entry)
            throw Refused("it has another machine or entry point");
        CheckSections(symbols.Sections.Where(s => s.Flags.HasFlag(SectionFlags.Alloc)).Select(s => (s.Name, s.Address, s.Size)));
        bool hasCode = CheckCode(symbols);
        IsInDoubt = !hasCode;
        if (hasCode) return;
        (string Name, ulong Address, ulong Size)[] names = [.. symbols.SymbolTable
            .Where(s => s.IsDefined && s.IsEntity && !s.IsThreadLocal && !s.IsAbsolute && (!s.IsLocal || s.IsFunction))
            .Select(s => (s.IsLocal ? "" : s.Name, s.Value, s.IsFunction ? s.Size : 0))];
        CheckExports(names.Where(n => n.Name.Length > 0).ToLookup(n => n.Name, n => n.Address, StringComparer.Ordinal));
        CheckFunctions(names);
    }

    /// <summary>Checks a map file. Error: <see cref="PatchErrorId.BuildIdMismatch"/>.</summary>
    public void Check(MapFile map)
    {
        IsInDoubt = true;
        CheckSections(map.Sections);
        CheckExports(map.Names.ToLookup(n => n, n => map.Find(n)!.Value, StringComparer.Ordinal));
        CheckFunctions(map.Names.Where(n => !n.Contains('@')).Select(n => (n, map.Find(n)!.Value, 0ul)));
    }

    /// <summary>Checks one name that is in doubt, by its address in the file. Error: <see cref="PatchErrorId.BuildIdMismatch"/>.</summary>
    public void CheckName(string name, ulong address, ulong size)
    {
        if (WhyOdd(address, size) is { } why) throw Refused($"it has {name} at 0x{address:x}, and there {why}");
    }

    private void CheckSections(IEnumerable<(string Name, ulong Address, ulong Size)> sections)
    {
        foreach ((string name, ulong address, ulong size) in sections)
        {
            SectionHeader? own = module.Image.Sections.FirstOrDefault(s => s.Name == name && s.Flags.HasFlag(SectionFlags.Alloc));
            if (own is null || !(own.Flags.HasFlag(SectionFlags.ExecInstr) || s_dataSections.Contains(name))) continue;
            if (own.Address == address && own.Size == size) continue;
            throw Refused($"its {name} has {size} bytes at 0x{address:x}, and that of the program {own.Size} at 0x{own.Address:x}");
        }
    }

    // A file with the code itself, as a program before it is stripped. Whether there was any to compare.
    private bool CheckCode(ElfImage symbols)
    {
        bool hasCode = false;
        foreach (SectionHeader section in symbols.Sections)
        {
            if (!section.Flags.HasFlag(SectionFlags.ExecInstr) || section.Type == SectionType.NoBits || section.Size == 0) continue;
            byte[] own = new byte[section.Size];
            if (!module.Image.TryReadVirtual(section.Address, own) || !IsSame(symbols.SectionData(section), own))
                throw Refused($"its code in {section.Name} is not that of the program");
            hasCode = true;
        }
        return hasCode;
    }

    // In memory the dynamic linker, and patches, may have changed a little.
    private bool IsSame(ReadOnlySpan<byte> code, ReadOnlySpan<byte> own)
    {
        if (!module.Image.IsFromMemory || code.Length != own.Length) return code.SequenceEqual(own);
        int different = 0;
        for (int i = 0; i < code.Length; i++) different += code[i] != own[i] ? 1 : 0;
        return different <= code.Length / OddShare;
    }

    private void CheckExports(ILookup<string, ulong> names)
    {
        foreach (ElfSymbol s in module.Image.DynamicSymbols)
        {
            if (!s.IsDefined || !s.IsEntity || s.IsThreadLocal || s.IsAbsolute || s.IsLocal || s.Version.Length > 0) continue;
            string name = s.Name;
            if (names.Contains(name) && !names[name].Contains(s.Value))
                throw Refused($"it has {name} at 0x{names[name].First():x}, and the program itself at 0x{s.Value:x}");
        }
    }

    private void CheckFunctions(IEnumerable<(string Name, ulong Address, ulong Size)> names)
    {
        int all = 0, odd = 0;
        string example = "";
        foreach ((string name, ulong address, ulong size) in names)
        {
            all++;
            if (WhyOdd(address, size) is not { } why) continue;
            odd++;
            example = $"it has {(name.Length > 0 ? name : "a function")} at 0x{address:x}, and there {why}";
        }
        if (odd > FewOdd + all / OddShare) throw Refused(example);
    }

    // What the unwind tables contradict. The PLT, one function for them, has the names of what is imported.
    private string? WhyOdd(ulong address, ulong size)
    {
        if (module.Image.Sections.Any(s => address - s.Address < s.Size && s.Name.StartsWith(".plt", StringComparison.Ordinal))) return null;
        SortedList<ulong, ulong> functions = module.Image.Functions;
        int low = 0, high = functions.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (functions.Keys[middle] <= address) low = middle + 1;
            else high = middle;
        }
        if (low == 0) return null;
        (ulong start, ulong length) = (functions.Keys[low - 1], functions.Values[low - 1]);
        if (start == address) return size == 0 || length == 0 || size == length ? null : $"the program has a function of {length} bytes, not {size}";
        return address - start < length ? $"is the middle of a function of the program (0x{start:x}, {length} bytes)" : null;
    }

    private PatchException Refused(string why) => new(PatchErrorId.BuildIdMismatch,
        $"{file} is of another build than {module.Name} in {target.DisplayName}: {why}. Give the symbols of that build.");
}
