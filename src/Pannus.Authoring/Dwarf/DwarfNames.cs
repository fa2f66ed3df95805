namespace Pannus.Authoring.Dwarf;

/// <summary>Kinds of entries (DWARF 5, 7.5.3), those that tell of types, functions and variables.</summary>
internal enum DieTag
{
    ArrayType = 0x01, ClassType = 0x02, EnumerationType = 0x04, FormalParameter = 0x05, LexicalBlock = 0x0b, Member = 0x0d,
    PointerType = 0x0f, ReferenceType = 0x10, CompileUnit = 0x11, StructureType = 0x13, SubroutineType = 0x15,
    Typedef = 0x16, UnionType = 0x17, UnspecifiedParameters = 0x18, Inheritance = 0x1c, InlinedSubroutine = 0x1d,
    SubrangeType = 0x21, BaseType = 0x24, ConstType = 0x26, Enumerator = 0x28, Subprogram = 0x2e, Variable = 0x34,
    VolatileType = 0x35, PackedType = 0x2d, PointerToMemberType = 0x1f, RestrictType = 0x37, Namespace = 0x39,
    UnspecifiedType = 0x3b, PartialUnit = 0x3c, TypeUnit = 0x41, RvalueReferenceType = 0x42, AtomicType = 0x47,
}

/// <summary>Attributes (DWARF 5, 7.5.4) that are kept; all others are passed over.</summary>
internal enum DieAttribute
{
    Location = 0x02, Name = 0x03, ByteSize = 0x0b, BitOffset = 0x0c, BitSize = 0x0d, StatementList = 0x10, LowPc = 0x11,
    CompilationFolder = 0x1b, ConstValue = 0x1c, Inline = 0x20, Producer = 0x25, UpperBound = 0x2f,
    AbstractOrigin = 0x31, Artificial = 0x34, Count = 0x37, MemberLocation = 0x38, DeclarationFile = 0x3a,
    DeclarationLine = 0x3b, Declaration = 0x3c, Encoding = 0x3e, External = 0x3f, Specification = 0x47, Type = 0x49,
    Virtuality = 0x4c, VtableElement = 0x4d, Ranges = 0x55, Signature = 0x69, DataBitOffset = 0x6b, LinkageName = 0x6e,
    StringOffsetsBase = 0x72, MipsLinkageName = 0x2007,
}

/// <summary>How an attribute is stored (DWARF 5, 7.5.6).</summary>
internal enum DieForm
{
    Address = 0x01, Block2 = 0x03, Block4 = 0x04, Data2 = 0x05, Data4 = 0x06, Data8 = 0x07, String = 0x08, Block = 0x09,
    Block1 = 0x0a, Data1 = 0x0b, Flag = 0x0c, SignedData = 0x0d, StringPointer = 0x0e, UnsignedData = 0x0f,
    ReferenceAddress = 0x10, Reference1 = 0x11, Reference2 = 0x12, Reference4 = 0x13, Reference8 = 0x14,
    ReferenceUnsigned = 0x15, Indirect = 0x16, SectionOffset = 0x17, Expression = 0x18, FlagPresent = 0x19,
    StringIndex = 0x1a, AddressIndex = 0x1b, ReferenceSupplement4 = 0x1c, StringSupplement = 0x1d, Data16 = 0x1e,
    LineString = 0x1f, ReferenceSignature = 0x20, ImplicitConst = 0x21, LocationListIndex = 0x22, RangeListIndex = 0x23,
    ReferenceSupplement8 = 0x24, StringIndex1 = 0x25, StringIndex2 = 0x26, StringIndex3 = 0x27, StringIndex4 = 0x28,
    AddressIndex1 = 0x29, AddressIndex2 = 0x2a, AddressIndex3 = 0x2b, AddressIndex4 = 0x2c,
    GnuReferenceAlternative = 0x1f20, GnuStringAlternative = 0x1f21,
}
