using System.Globalization;

namespace Pannus.Machines;

/// <summary>Relocation types of IA-32 (psABI i386, table 2.9; the thread-local ones of GNU).</summary>
internal static class IA32Relocation
{
    public const uint None = 0, Abs32 = 1, Pc32 = 2, Got32 = 3, Plt32 = 4, Copy = 5, GlobDat = 6, JumpSlot = 7, Relative = 8,
        GotOff = 9, GotPc = 10, TpOff = 14, TlsIe = 15, TlsGotIe = 16, TlsLe = 17, TlsGd = 18, TlsLdm = 19, Abs16 = 20,
        Pc16 = 21, Abs8 = 22, Pc8 = 23, TlsLdo32 = 32, TlsIe32 = 33, TlsLe32 = 34, DtpMod32 = 35, DtpOff32 = 36,
        TpOff32 = 37, Size32 = 38, TlsGotDesc = 39, TlsDescCall = 40, TlsDesc = 41, Irelative = 42, Got32X = 43;

    private static readonly string[] s_names =
    [
        "NONE", "32", "PC32", "GOT32", "PLT32", "COPY", "GLOB_DAT", "JMP_SLOT", "RELATIVE", "GOTOFF", "GOTPC", "32PLT", "", "",
        "TLS_TPOFF", "TLS_IE", "TLS_GOTIE", "TLS_LE", "TLS_GD", "TLS_LDM", "16", "PC16", "8", "PC8", "TLS_GD_32", "TLS_GD_PUSH",
        "TLS_GD_CALL", "TLS_GD_POP", "TLS_LDM_32", "TLS_LDM_PUSH", "TLS_LDM_CALL", "TLS_LDM_POP", "TLS_LDO_32", "TLS_IE_32",
        "TLS_LE_32", "TLS_DTPMOD32", "TLS_DTPOFF32", "TLS_TPOFF32", "SIZE32", "TLS_GOTDESC", "TLS_DESC_CALL", "TLS_DESC",
        "IRELATIVE", "GOT32X",
    ];

    /// <summary>How to do one. Values of 32 bits are modulo 2^32, so that none fails to fit.</summary>
    public static RelocationRule Rule(uint type) => type switch
    {
        None => new(RelocationKind.None, 0),
        Relative => new(RelocationKind.Relative, 4),
        GlobDat or JumpSlot => new(RelocationKind.Symbol, 4),
        Abs32 => new(RelocationKind.Absolute, 4),
        Abs16 => new(RelocationKind.Absolute, 2),
        Abs8 => new(RelocationKind.Absolute, 1),
        Pc32 => new(RelocationKind.PcRelative, 4),
        Pc16 => new(RelocationKind.PcRelative, 2, IsSigned: true),
        Pc8 => new(RelocationKind.PcRelative, 1, IsSigned: true),
        Plt32 => new(RelocationKind.PcRelative, 4, Slot: RelocationSlot.Plt),
        GotOff => new(RelocationKind.GotRelative, 4),
        GotPc => new(RelocationKind.GotPcRelative, 4),
        Got32 or Got32X => new(RelocationKind.GotRelative, 4, Slot: RelocationSlot.Got),
        TlsIe => new(RelocationKind.Absolute, 4, Slot: RelocationSlot.ThreadOffset),
        TlsGotIe => new(RelocationKind.GotRelative, 4, Slot: RelocationSlot.ThreadOffset),
        TlsGd => new(RelocationKind.GotRelative, 4, Slot: RelocationSlot.TlsPair),
        TlsIe32 => new(RelocationKind.GotRelative, 4, Slot: RelocationSlot.NegatedThreadOffset),
        TlsLdm => new(RelocationKind.GotRelative, 4, Slot: RelocationSlot.TlsModule),
        Size32 => new(RelocationKind.Size, 4),
        Irelative => new(RelocationKind.Indirect, 4),
        DtpMod32 => new(RelocationKind.TlsModule, 4),
        DtpOff32 or TlsLdo32 => new(RelocationKind.TlsOffset, 4),
        TpOff or TlsLe => new(RelocationKind.ThreadOffset, 4),
        TpOff32 or TlsLe32 => new(RelocationKind.NegatedThreadOffset, 4),
        Copy => new(RelocationKind.Copy, 0),
        TlsGotDesc or TlsDescCall or TlsDesc => new(RelocationKind.TlsDescriptor, 0),
        _ => default,
    };

    /// <summary>The name as the psABI has it: <c>R_386_GLOB_DAT</c>; <c>relocation type 99</c> for one it does not have.</summary>
    public static string Name(uint type) => type < s_names.Length && s_names[type].Length > 0
        ? "R_386_" + s_names[type]
        : string.Create(CultureInfo.InvariantCulture, $"relocation type {type}");
}
