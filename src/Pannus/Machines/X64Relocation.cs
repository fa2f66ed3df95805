using System.Globalization;

namespace Pannus.Machines;

/// <summary>Relocation types of x86-64 (psABI x86-64, table 4.9).</summary>
internal static class X64Relocation
{
    public const uint None = 0, Abs64 = 1, Pc32 = 2, Got32 = 3, Plt32 = 4, Copy = 5, GlobDat = 6, JumpSlot = 7, Relative = 8,
        GotPcRel = 9, Abs32 = 10, Abs32Signed = 11, Abs16 = 12, Pc16 = 13, Abs8 = 14, Pc8 = 15, DtpMod64 = 16, DtpOff64 = 17,
        TpOff64 = 18, TlsGd = 19, TlsLd = 20, DtpOff32 = 21, GotTpOff = 22, TpOff32 = 23, Pc64 = 24, GotOff64 = 25,
        GotPc32 = 26, Size32 = 32, Size64 = 33, GotPc32TlsDesc = 34, TlsDescCall = 35,
        TlsDesc = 36, Irelative = 37, GotPcRelX = 41, RexGotPcRelX = 42;

    private static readonly string[] s_names =
    [
        "NONE", "64", "PC32", "GOT32", "PLT32", "COPY", "GLOB_DAT", "JUMP_SLOT", "RELATIVE", "GOTPCREL", "32", "32S", "16",
        "PC16", "8", "PC8", "DTPMOD64", "DTPOFF64", "TPOFF64", "TLSGD", "TLSLD", "DTPOFF32", "GOTTPOFF", "TPOFF32", "PC64",
        "GOTOFF64", "GOTPC32", "GOT64", "GOTPCREL64", "GOTPC64", "GOTPLT64", "PLTOFF64", "SIZE32", "SIZE64",
        "GOTPC32_TLSDESC", "TLSDESC_CALL", "TLSDESC", "IRELATIVE", "RELATIVE64", "", "", "GOTPCRELX", "REX_GOTPCRELX",
    ];

    /// <summary>How to do one.</summary>
    public static RelocationRule Rule(uint type) => type switch
    {
        None => new(RelocationKind.None, 0),
        Relative => new(RelocationKind.Relative, 8),
        GlobDat or JumpSlot => new(RelocationKind.Symbol, 8),
        Abs64 => new(RelocationKind.Absolute, 8),
        Abs32 => new(RelocationKind.Absolute, 4),
        Abs32Signed => new(RelocationKind.Absolute, 4, IsSigned: true),
        Abs16 => new(RelocationKind.Absolute, 2),
        Abs8 => new(RelocationKind.Absolute, 1),
        Pc64 => new(RelocationKind.PcRelative, 8, IsSigned: true),
        Pc32 => new(RelocationKind.PcRelative, 4, IsSigned: true),
        Pc16 => new(RelocationKind.PcRelative, 2, IsSigned: true),
        Pc8 => new(RelocationKind.PcRelative, 1, IsSigned: true),
        Plt32 => new(RelocationKind.PcRelative, 4, IsSigned: true, RelocationSlot.Plt),
        GotPcRel or GotPcRelX or RexGotPcRelX => new(RelocationKind.PcRelative, 4, IsSigned: true, RelocationSlot.Got),
        GotTpOff => new(RelocationKind.PcRelative, 4, IsSigned: true, RelocationSlot.ThreadOffset),
        TlsGd => new(RelocationKind.PcRelative, 4, IsSigned: true, RelocationSlot.TlsPair),
        TlsLd => new(RelocationKind.PcRelative, 4, IsSigned: true, RelocationSlot.TlsModule),
        Size32 => new(RelocationKind.Size, 4),
        Size64 => new(RelocationKind.Size, 8),
        Irelative => new(RelocationKind.Indirect, 8),
        DtpMod64 => new(RelocationKind.TlsModule, 8),
        DtpOff64 => new(RelocationKind.TlsOffset, 8),
        DtpOff32 => new(RelocationKind.TlsOffset, 4, IsSigned: true),
        TpOff64 => new(RelocationKind.ThreadOffset, 8, IsSigned: true),
        TpOff32 => new(RelocationKind.ThreadOffset, 4, IsSigned: true),
        Copy => new(RelocationKind.Copy, 0),
        GotPc32TlsDesc or TlsDescCall or TlsDesc => new(RelocationKind.TlsDescriptor, 0),
        _ => default,
    };

    /// <summary>The name as the psABI has it: <c>R_X86_64_GLOB_DAT</c>; <c>relocation type 99</c> for one it does not have.</summary>
    public static string Name(uint type) => type < s_names.Length && s_names[type].Length > 0
        ? "R_X86_64_" + s_names[type]
        : string.Create(CultureInfo.InvariantCulture, $"relocation type {type}");
}
