using System.Globalization;

namespace Pannus.Elf;

/// <summary>Relocation types of x86-64 (psABI x86-64, table 4.9).</summary>
public static class X64Relocation
{
#pragma warning disable CS1591 // Named as in the psABI.
    public const uint None = 0, Abs64 = 1, Pc32 = 2, Got32 = 3, Plt32 = 4, Copy = 5, GlobDat = 6, JumpSlot = 7, Relative = 8,
        GotPcRel = 9, Abs32 = 10, Abs32Signed = 11, Abs16 = 12, Pc16 = 13, Abs8 = 14, Pc8 = 15, DtpMod64 = 16, DtpOff64 = 17,
        TpOff64 = 18, TlsGd = 19, TlsLd = 20, DtpOff32 = 21, GotTpOff = 22, TpOff32 = 23, Pc64 = 24, GotOff64 = 25,
        GotPc32 = 26, Size32 = 32, Size64 = 33, TlsDesc = 36, Irelative = 37, GotPcRelX = 41, RexGotPcRelX = 42;
#pragma warning restore CS1591

    private static readonly string[] s_names =
    [
        "NONE", "64", "PC32", "GOT32", "PLT32", "COPY", "GLOB_DAT", "JUMP_SLOT", "RELATIVE", "GOTPCREL", "32", "32S", "16",
        "PC16", "8", "PC8", "DTPMOD64", "DTPOFF64", "TPOFF64", "TLSGD", "TLSLD", "DTPOFF32", "GOTTPOFF", "TPOFF32", "PC64",
        "GOTOFF64", "GOTPC32", "GOT64", "GOTPCREL64", "GOTPC64", "GOTPLT64", "PLTOFF64", "SIZE32", "SIZE64",
        "GOTPC32_TLSDESC", "TLSDESC_CALL", "TLSDESC", "IRELATIVE", "RELATIVE64", "", "", "GOTPCRELX", "REX_GOTPCRELX",
    ];

    /// <summary>The name as the psABI has it: <c>R_X86_64_GLOB_DAT</c>; <c>relocation type 99</c> for one it does not have.</summary>
    public static string Name(uint type) => type < s_names.Length && s_names[type].Length > 0
        ? "R_X86_64_" + s_names[type]
        : string.Create(CultureInfo.InvariantCulture, $"relocation type {type}");
}
