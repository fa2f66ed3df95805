using ELFSharp.ELF;
using ELFSharp.ELF.Sections;
using Pannus.Elf;
using Pannus.Tests.Support;
using Machine = Pannus.Tests.Support.Machine;

namespace Pannus.Tests.Elf;

/// <summary>
/// A reader of other authors, ELFSharp, reads the same as ours in every kind of file that the compilers and linkers of
/// Debian make. It is no oracle of what is hostile or huge: there it loops, or leaves out.
/// </summary>
public sealed class WitnessTests
{
    public static TheoryData<string, string, string, string> Files()
    {
        var files = new TheoryData<string, string, string, string>();
        string[] kinds = ["-pie -fPIE", "-no-pie -fno-pie", "-static", "-shared -fPIC", "-c", "-g -pie -fPIE"];
        foreach (string compiler in (string[])["gcc", "clang"])
        {
            foreach (string machine in (string[])[Machine.X64, Machine.IA32])
            {
                foreach (string linker in (string[])["bfd", "gold", "lld", "mold"])
                {
                    foreach (string kind in kinds)
                        if (kind != "-c" || linker == "bfd") files.Add(compiler, machine, linker, kind);
                }
            }
        }
        return files;
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Reads_what_another_reader_reads(string compiler, string machine, string linker, string kind)
    {
        string file = Make(compiler, machine, linker, kind);
        Compare(file);
        if (!kind.Contains("-g", StringComparison.Ordinal)) return;
        string debug = file + ".debug", stripped = file + ".stripped";
        Gcc.Run("objcopy", $"--only-keep-debug {file} {debug}");
        Gcc.Run("strip", $"-o {stripped} {file}");
        Compare(debug);
        Compare(stripped);
    }

    private static string Make(string compiler, string machine, string linker, string kind)
    {
        string folder = Path.Combine(Path.GetTempPath(), "pannus-tests", "witness", $"{Environment.ProcessId}");
        Directory.CreateDirectory(folder);
        string name = string.Concat($"{compiler}{machine}-{linker}{kind}".Where(c => char.IsAsciiLetterOrDigit(c) || c == '-'));
        string source = Path.Combine(folder, name + ".c"), file = Path.Combine(folder, name);
        File.WriteAllText(source, Samples.Source);
        string link = kind == "-c" ? "" : $"-fuse-ld={linker} -Wl,--build-id";
        Gcc.Run(compiler, $"{machine} -O1 {kind} {link} -o {file} {source}");
        return file;
    }

    private static void Compare(string file)
    {
        using ElfImage ours = ElfImage.OpenFile(file);
        if (ours.Class == ElfClass.Elf64) Compare(ours, ELFReader.Load<ulong>(file));
        else Compare(ours, ELFReader.Load<uint>(file));
    }

    private static void Compare<T>(ElfImage ours, ELF<T> theirs)
        where T : struct
    {
        using (theirs)
        {
            Assert.Equal((uint)theirs.Type, (uint)ours.Type);
            Assert.Equal((uint)theirs.Machine, (uint)ours.Machine);
            Assert.Equal(Number(theirs.EntryPoint), ours.Entry);
            Assert.Equal(
                theirs.Sections.Select(s => (s.Name, (uint)s.Type, Number(s.RawFlags), Number(s.LoadAddress), Number(s.Offset), Number(s.Size),
                    Number(s.Alignment), Number(s.EntrySize))),
                ours.Sections.Select(s => (s.Name, (uint)s.Type, (ulong)s.Flags, s.Address, s.Offset, s.Size, s.Alignment, s.EntrySize)));
            Assert.Equal(
                theirs.Segments.Select(s => ((uint)s.Type, (uint)s.Flags, Number(s.Address), (ulong)s.Offset, (ulong)s.FileSize, Number(s.Size), Number(s.Alignment))),
                ours.ProgramHeaders.Select(p => ((uint)p.Type, p.Flags, p.VirtualAddress, p.Offset, p.FileSize, p.MemorySize, p.Alignment)));
            foreach (SymbolTable<T> table in theirs.Sections.OfType<SymbolTable<T>>())
                Assert.Equal(Symbols(table), Symbols(table.Type == ELFSharp.ELF.Sections.SectionType.DynamicSymbolTable ? ours.DynamicSymbols : ours.SymbolTable));
            foreach (DynamicSection<T> section in theirs.Sections.OfType<DynamicSection<T>>())
                CompareDynamic(ours, section);
            CompareBuildId(ours, theirs);
        }
    }

    private static IEnumerable<(string, ulong, ulong, int, int)> Symbols<T>(SymbolTable<T> table)
        where T : struct =>
        table.Entries.Select(s => (s.Name, Number(s.Value), Number(s.Size), (int)s.Binding, (int)s.Type));

    private static IEnumerable<(string, ulong, ulong, int, int)> Symbols(ElfSymbolTable table) =>
        table.Select(s => (s.Name, s.Value, s.Size, (int)s.Binding, (int)s.Type));

    private static void CompareDynamic<T>(ElfImage ours, DynamicSection<T> section)
        where T : struct
    {
        // The entries after DT_NULL are room for more.
        foreach (DynamicEntry<T> entry in section.Entries.TakeWhile(e => (long)e.Tag != 0))
        {
            var tag = (Pannus.Elf.DynamicTag)(long)entry.Tag;
            if (tag == Pannus.Elf.DynamicTag.Needed) Assert.Contains(ours.DynamicText(Number(entry.Value)), ours.Needed);
            else Assert.Equal(Number(entry.Value), ours.DynamicValue(tag));
        }
    }

    private static void CompareBuildId<T>(ElfImage ours, ELF<T> theirs)
        where T : struct
    {
        const uint gnuBuildId = 3;
        string[] ids = [.. theirs.Sections.OfType<NoteSection<T>>().Where(n => n.NoteName == "GNU" && Number(n.NoteType) == gnuBuildId)
            .Select(n => Convert.ToHexStringLower(n.Description))];
        Assert.Equal(ids.FirstOrDefault() ?? "", ours.BuildId);
    }

    private static ulong Number<T>(T value) => Convert.ToUInt64(value);
}
