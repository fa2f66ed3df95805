using Pannus.Core;

namespace Pannus.Elf;

#pragma warning disable CS1591 // Constants are named as in the gABI and its supplements.

/// <summary>EI_CLASS (gABI, "ELF Identification").</summary>
internal enum ElfClass { Elf32 = 1, Elf64 = 2 }

/// <summary>e_type (gABI, "ELF Header").</summary>
internal enum ElfType { None = 0, Rel = 1, Exec = 2, Dyn = 3, Core = 4 }

/// <summary>e_machine (gABI, "ELF Header"); others stand as their number.</summary>
internal enum ElfMachine { None = 0, I386 = 3, X86_64 = 62 }

/// <summary>p_type (gABI, "Program Header").</summary>
internal enum ProgramHeaderType : uint
{
    Null = 0, Load = 1, Dynamic = 2, Interp = 3, Note = 4, Tls = 7, GnuEhFrame = 0x6474e550, GnuStack = 0x6474e551, GnuRelro = 0x6474e552,
}

/// <summary>sh_type (gABI, "Section Header").</summary>
internal enum SectionType : uint
{
    Null = 0, ProgBits = 1, SymTab = 2, StrTab = 3, Rela = 4, Hash = 5, Dynamic = 6, Note = 7, NoBits = 8, Rel = 9, DynSym = 11,
    InitArray = 14, FiniArray = 15, PreinitArray = 16, Group = 17, SymTabShndx = 18, GnuHash = 0x6ffffff6,
}

/// <summary>sh_flags (gABI, "Section Attribute Flags").</summary>
[Flags]
internal enum SectionFlags : ulong { None = 0, Write = 1, Alloc = 2, ExecInstr = 4, Merge = 0x10, Strings = 0x20, Tls = 0x400, Compressed = 0x800 }

/// <summary>d_tag (gABI, "Dynamic Section", and GNU's additions).</summary>
internal enum DynamicTag : long
{
    Null = 0, Needed = 1, PltRelSize = 2, PltGot = 3, Hash = 4, StrTab = 5, SymTab = 6, Rela = 7, RelaSize = 8, RelaEntry = 9, StrSize = 10,
    SymEntry = 11, Init = 12, SoName = 14, Rel = 17, RelSize = 18, RelEntry = 19, PltRel = 20, Debug = 21, TextRel = 22, JmpRel = 23,
    InitArray = 25, InitArraySize = 27, RelrSize = 35, Relr = 36, GnuHash = 0x6ffffef5, VerSym = 0x6ffffff0, VerDef = 0x6ffffffc,
    VerDefCount = 0x6ffffffd, VerNeed = 0x6ffffffe, VerNeedCount = 0x6fffffff, Flags1 = 0x6ffffffb,
}

/// <summary>st_info, low four bits (gABI, "Symbol Table").</summary>
internal enum ElfSymbolType { None = 0, Object = 1, Function = 2, Section = 3, File = 4, Common = 5, ThreadLocal = 6, IndirectFunction = 10 }

/// <summary>st_info, high four bits (gABI, "Symbol Table").</summary>
internal enum ElfSymbolBinding { Local = 0, Global = 1, Weak = 2, Unique = 10 }

#pragma warning restore CS1591

/// <summary>A program header (gABI, "Program Header"). Sizes, offsets and alignment are in bytes.</summary>
internal sealed record ProgramHeader(ProgramHeaderType Type, uint Flags, ulong Offset, ulong VirtualAddress, ulong FileSize,
    ulong MemorySize, ulong Alignment)
{
    /// <summary>Whether it is PT_LOAD.</summary>
    public bool IsLoad => Type == ProgramHeaderType.Load;

    /// <summary>p_flags as rights of a mapping: PF_X is 1, PF_W 2, PF_R 4.</summary>
    public MemoryAccess Access => ((Flags & 4) != 0 ? MemoryAccess.Read : 0) | ((Flags & 2) != 0 ? MemoryAccess.Write : 0)
        | ((Flags & 1) != 0 ? MemoryAccess.Execute : 0);
}

/// <summary>A section header (gABI, "Section Header") with its name.</summary>
internal sealed record SectionHeader(int Index, string Name, SectionType Type, SectionFlags Flags, ulong Address, ulong Offset,
    ulong Size, uint Link, uint Info, ulong Alignment, ulong EntrySize);

/// <summary>A relocation (gABI, "Relocation").</summary>
/// <param name="Offset">Virtual address, or offset in the section of an object.</param>
/// <param name="Type">R_* of the machine.</param>
/// <param name="SymbolIndex">Index in the symbol table; 0 for none.</param>
/// <param name="Addend">The addend; null when it lies in the place itself (REL and RELR).</param>
internal readonly record struct ElfRelocation(ulong Offset, uint Type, uint SymbolIndex, long? Addend);
