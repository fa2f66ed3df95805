using System.Text;
using Pannus.Core;
using Pannus.Elf;
using Pannus.Images;
using Pannus.Symbols;
using Pannus.Tests.Elf;
using Pannus.Tests.Images;
using Pannus.Tests.Support;

namespace Pannus.Tests.Fuzz;

/// <summary>A reader that anybody may hand a file to.</summary>
/// <param name="Seeds">Real files.</param>
/// <param name="Read">Reads one, uses all of what was read, and throws for what should not have been accepted.</param>
/// <param name="Errors">What it may be refused with.</param>
internal sealed record FuzzSubject(Func<byte[][]> Seeds, Action<byte[]> Read, params PatchErrorId[] Errors);

/// <summary>The readers of files, with what to feed them and what must hold for all that they accept.</summary>
internal static class FuzzSubjects
{
    private const ulong PageSize = 4096;

    public static IReadOnlyDictionary<string, FuzzSubject> All { get; } = new Dictionary<string, FuzzSubject>
    {
        ["elf"] = new(ElfSeeds, ReadElf, PatchErrorId.PatchFileInvalid),
        ["patch"] = new(PatchSeeds, ReadPatch, PatchErrorId.PatchFileInvalid, PatchErrorId.ArchitectureMismatch,
            PatchErrorId.RelocationUnsupported, PatchErrorId.ConstructorUnsupported, PatchErrorId.CommandInvalid),
        ["map"] = new(MapSeeds, ReadMap, PatchErrorId.PatchFileInvalid),
        ["commands"] = new(CommandSeeds, ReadCommands, PatchErrorId.CommandInvalid),
    };

    private static byte[][] ElfSeeds() =>
    [
        File.ReadAllBytes(Samples.Program), File.ReadAllBytes(Patches.SharedObject), File.ReadAllBytes(Patches.Object),
        File.ReadAllBytes(Gcc.Compile(Samples.Source, "-shared -fPIC -Wl,--hash-style=sysv -Wl,-z,pack-relative-relocs", "libfuzz.so")),
    ];

    private static byte[][] PatchSeeds() =>
    [
        File.ReadAllBytes(Patches.SharedObject), File.ReadAllBytes(Patches.Object),
        File.ReadAllBytes(Gcc.Compile(Patches.Source, "-shared -fPIC -O1 -m32", "patch32.so")),
        File.ReadAllBytes(Gcc.Compile(Patches.Source, "-c -fPIC -O1 -m32", "patch32.o")),
    ];

    private static byte[][] MapSeeds() => [File.ReadAllBytes(Built.Sample("target.map"))];

    private static byte[][] CommandSeeds() =>
    [
        .. Directory.GetFiles(Path.Combine(Built.Repository, "tests/targets/patches"), "*.cmd").Select(File.ReadAllBytes),
        """
        # every directive
        name a patch of everything
        build-id 0123456789abcdef
        alias old http.c:parse
        requires 1
        replaces 2
        J libssl.so.3!SSL_read plug
        V table+0x18 0xdeadbeef
        P memcpy@GLIBC_2.14 plug
        """u8.ToArray(),
    ];

    private static void ReadElf(byte[] bytes)
    {
        using ElfImage image = ElfImage.FromBytes(bytes, "fuzz");
        image.SymbolTable.CheckNames();
        image.DynamicSymbols.CheckNames();
        foreach (ElfSymbolTable table in (ReadOnlySpan<ElfSymbolTable>)[image.SymbolTable, image.DynamicSymbols])
        {
            foreach (ElfSymbol s in table) _ = s.Name.Length + s.Version.Length;
            _ = table.Find(name => name.Length == 3);
        }
        foreach (SectionHeader s in image.Sections)
        {
            _ = image.SectionData(s);
            if (s.Type is SectionType.Rela or SectionType.Rel) _ = image.RelocationsOf(s);
        }
        _ = image.Relocations.Count + image.Needed.Count + image.BuildId.Length + image.SoName.Length + image.Interpreter.Length;
        Span<byte> page = stackalloc byte[64];
        foreach (ProgramHeader p in image.ProgramHeaders) _ = image.TryReadVirtual(p.VirtualAddress, page);
    }

    private static void ReadPatch(byte[] bytes)
    {
        using PatchFile patch = PatchFile.FromBytes(bytes, "/fuzz.so");
        _ = CommandFile.ReadEmbedded(patch.Image);
        PatchImage image = PatchImageReader.Read(patch);
        ulong end = 0;
        foreach (ImageSegment s in image.Segments)
        {
            Require(s.Start % PageSize == 0 && s.Length % PageSize == 0 && s.Length > 0, "segments are of whole pages");
            Require(s.Start >= end, "segments do not overlap");
            Require(!s.Access.HasFlag(MemoryAccess.Write | MemoryAccess.Execute), "nothing is writable and executable");
            end = s.Start + s.Length;
            Require(end >= s.Start && end <= image.Size, "segments lie in the image");
        }
        Require(image.Size is > 0 and <= PatchImageReader.LargestImage && image.Size % PageSize == 0, "an image has a possible size");
        Require(image.Alignment >= PageSize && (image.Alignment & (image.Alignment - 1)) == 0, "an alignment is a power of two");
        byte[] content = [.. image.Content];
        ulong place = image.Architecture.Word.Size == 8 ? 0x5555_0000_0000ul : 0x5655_0000;
        IReadOnlyList<(ulong Offset, ulong)> indirect = Relocator.Relocate(image, content, place, symbol => symbol.IsThreadLocal
            ? new SymbolTarget(0, symbol.Size, 1, 2, -8)
            : new SymbolTarget(symbol.IsDefined ? place + symbol.Value : place - 0x10000, symbol.Size));
        Require(indirect.All(i => image.Holds(i.Offset, (ulong)image.Architecture.Word.Size)), "an IFUNC has its place");
    }

    private static void ReadMap(byte[] bytes)
    {
        MapFile map = MapFile.Read(new StreamReader(new MemoryStream(bytes)), "fuzz.map");
        foreach (string name in map.Names)
            Require(name.Length > 0 && !name.Any(char.IsWhiteSpace) && map.Find(name) is not null, "a name is one word");
    }

    private static void ReadCommands(byte[] bytes)
    {
        PatchCommandSet set = CommandFile.Parse(Encoding.UTF8.GetString(bytes), "fuzz.cmd");
        Require(set.Commands.Count > 0, "there is a command");
        Require(set.Commands.DistinctBy(c => c.Target).Count() == set.Commands.Count, "a target stands once");
        foreach (PatchCommand c in set.Commands)
        {
            _ = SymbolName.Parse(c.Target);
            Require(c.Line > 0 && (c.Kind == PatchCommandKind.Variable ? c.Data.Length > 0 : c.Source.Length > 0), "a command is whole");
        }
        foreach (string alias in set.Aliases.Values) _ = SymbolName.Parse(alias);
    }

    private static void Require(bool isSo, string what)
    {
        if (!isSo) throw new InvalidOperationException("accepted though not so: " + what);
    }
}
