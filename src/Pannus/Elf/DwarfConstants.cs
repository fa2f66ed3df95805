namespace Pannus.Elf;

/// <summary>DW_TAG_* (DWARF 5, 7.5.3), as far as they matter here.</summary>
internal enum DwarfTag : ushort
{
    None = 0,
    FormalParameter = 0x05,
    CompileUnit = 0x11,
    InlinedSubroutine = 0x1d,
    Subprogram = 0x2e,
    PartialUnit = 0x3c,
}

/// <summary>DW_AT_* (DWARF 5, 7.5.4), as far as they matter here.</summary>
internal enum DwarfAttribute : ushort
{
    Location = 0x02,
    Name = 0x03,
    StatementList = 0x10,
    LowPc = 0x11,
    HighPc = 0x12,
    CompilationDirectory = 0x1b,
    ConstantValue = 0x1c,
    Inline = 0x20,
    AbstractOrigin = 0x31,
    DeclarationFile = 0x3a,
    DeclarationLine = 0x3b,
    Declaration = 0x3c,
    Specification = 0x47,
    EntryPc = 0x52,
    Ranges = 0x55,
    LinkageName = 0x6e,
    StringOffsetsBase = 0x72,
    AddressBase = 0x73,
    RangeListsBase = 0x74,
    LocationListsBase = 0x8c,
    MipsLinkageName = 0x2007,
    GnuRangesBase = 0x2132,
    GnuAddressBase = 0x2133,
}

/// <summary>DW_FORM_* (DWARF 5, 7.5.6, and GNU's for supplementary files).</summary>
internal enum DwarfForm : ushort
{
    Address = 0x01, Block2 = 0x03, Block4 = 0x04, Data2 = 0x05, Data4 = 0x06, Data8 = 0x07, String = 0x08, Block = 0x09, Block1 = 0x0a,
    Data1 = 0x0b, Flag = 0x0c, SignedData = 0x0d, StringOffset = 0x0e, UnsignedData = 0x0f, ReferenceAddress = 0x10, Reference1 = 0x11,
    Reference2 = 0x12, Reference4 = 0x13, Reference8 = 0x14, ReferenceUnsigned = 0x15, Indirect = 0x16, SectionOffset = 0x17,
    Expression = 0x18, FlagPresent = 0x19, StringIndex = 0x1a, AddressIndex = 0x1b, ReferenceSupplement4 = 0x1c,
    StringSupplement = 0x1d, Data16 = 0x1e, LineString = 0x1f, ReferenceSignature = 0x20, ImplicitConstant = 0x21,
    LocationListIndex = 0x22, RangeListIndex = 0x23, ReferenceSupplement8 = 0x24, StringIndex1 = 0x25, StringIndex2 = 0x26,
    StringIndex3 = 0x27, StringIndex4 = 0x28, AddressIndex1 = 0x29, AddressIndex2 = 0x2a, AddressIndex3 = 0x2b, AddressIndex4 = 0x2c,
    GnuReferenceAlternate = 0x1f20, GnuStringAlternate = 0x1f21,
}
