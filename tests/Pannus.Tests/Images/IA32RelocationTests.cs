using System.Globalization;
using Pannus.Applying;
using Pannus.Backends;
using Pannus.Core;
using Pannus.Elf;
using Pannus.Images;
using Pannus.Symbols;
using Pannus.Targets;
using Pannus.Tests.Elf;
using Pannus.Tests.Support;

namespace Pannus.Tests.Images;

/// <summary>
/// Patches as the compiler makes them for IA-32, in a running 32-bit program: what readelf shows of each has, in the target's
/// memory, the value of the psABI (table 2.9), with what the target's own dynamic linker says that a name means; and the code runs.
/// </summary>
public sealed class IA32RelocationTests
{
    // Answers a number with what step makes of it, and a name with its address; of a thread-local variable with its module,
    // its offset there, and its offset from the thread pointer.
    private const string Program = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <link.h>
        #include <stdlib.h>
        #include "target.h"
        long target_counter = 40, *target_pointer;
        static __thread char filler[24] = { 1 };
        __thread long target_tls = 5, second_tls = 7;
        PATCHABLE long step(long n) { OPAQUE(n); return n + filler[1]; }
        static char *block;
        static int first(struct dl_phdr_info *info, size_t size, void *module)
        {
            (void)size;
            block = info->dlpi_tls_data;
            return *(size_t *)module = info->dlpi_tls_modid;
        }
        int main(void)
        {
            size_t module;
            target_ready();
            dl_iterate_phdr(first, &module);
            for (const char *command; (command = next_command());) {
                char *address = dlsym(RTLD_DEFAULT, command);
                size_t length = strlen(command);
                if (*command >= '0' && *command <= '9') printf("step %ld %ld\n", step(atol(command)), target_counter);
                else if (length < 4 || strcmp(command + length - 4, "_tls")) printf("%lx\n", (long)address);
                else printf("%zx %lx %lx\n", module, (long)(address - block), (long)(address - (char *)__builtin_thread_pointer()));
            }
        }
        """;

    // The thread-local model is chosen per patch; the hidden ones are the program's all the same.
    private const string ThreadLocals = """
        #ifdef HIDDEN
        #pragma GCC visibility push(hidden)
        #endif
        extern __thread long target_tls, second_tls;
        long step_plug(long n) { target_tls += n; second_tls += n; return target_tls * 1000 + second_tls; }
        #ifdef SUN
        __asm__(".text\n.globl sun\nsun: call 1f\n1: pop %edx\n add $_GLOBAL_OFFSET_TABLE_+(.-1b), %edx\n"
            " mov %gs:0, %eax\n sub target_tls@gottpoff(%edx), %eax\n mov (%eax), %eax\n ret\n");
        #endif
        """;

    private const string Picked = """
        static long fast(long n) { return n * 2; }
        static long (*pick(void))(long) { return fast; }
        static long local(long) __attribute__((ifunc("pick")));
        long step_plug(long n) { return local(n) * 100; }
        """;

    private static readonly string s_program =
        Gcc.Compile(Program, $"-m32 -O2 -rdynamic -ldl -I{Built.Repository}/tests/targets", "relocated32");

    /// <summary>How a patch is compiled, and the relocations that are then in it.</summary>
    public static TheoryData<string, string> Forms => new()
    {
        { "-shared -fPIC -O0", "RELATIVE GLOB_DAT JUMP_SLOT 32" },
        { "-shared -fPIC -O2 -fno-plt", "RELATIVE GLOB_DAT 32" },
        { "-shared -fPIC -O2 -Wl,-Bsymbolic -Wl,-z,now -fcf-protection", "RELATIVE GLOB_DAT JUMP_SLOT" },
        { "-shared -fPIC -O2 -Wl,-z,pack-relative-relocs", "GLOB_DAT JUMP_SLOT" },
        { "-shared -fPIC -O2 -Wl,-Ttext-segment=0x7000000", "RELATIVE GLOB_DAT JUMP_SLOT" },
        { "-shared -fno-pic -O1 -Wl,-z,notext", "RELATIVE GLOB_DAT 32 PC32" },
        { "-c -fPIC -O0", "32 PC32 PLT32 GOTOFF GOTPC GOT32X" },
        { "-c -fPIC -O1", "32 PC32 PLT32 GOTOFF GOTPC GOT32X" },
        { "-c -fPIC -O2 -fno-plt", "32 PC32 GOTOFF GOTPC GOT32X" },
        { "-c -fPIE -Os -fcommon", "32 PC32 PLT32 GOTOFF GOTPC GOT32X" },
        { "-c -fno-pic -O0", "32 PC32" },
        { "-c -fno-pic -O2 -fno-plt", "32 GOT32X" },
        { "-c -fPIC -O1 -Wa,-mrelax-relocations=no", "GOT32" },
    };

    [Theory]
    [MemberData(nameof(Forms))]
    public void Every_value_is_that_of_the_psABI(string arguments, string relocations) => Check(RelocationTests.Source, arguments, relocations);

    [Theory]
    [InlineData("-shared -fPIC -O1", "TLS_DTPMOD32 TLS_DTPOFF32")]
    [InlineData("-shared -fPIC -O1 -ftls-model=initial-exec", "TLS_TPOFF")]
    [InlineData("-shared -fPIC -O1 -DSUN", "TLS_TPOFF32")]
    [InlineData("-c -fPIC -O1", "TLS_GD")]
    [InlineData("-c -fPIC -O1 -ftls-model=local-dynamic -DHIDDEN", "TLS_LDM TLS_LDO_32")]
    [InlineData("-c -fPIC -O1 -ftls-model=initial-exec", "TLS_GOTIE")]
    [InlineData("-c -fno-pic -O1", "TLS_IE")]
    [InlineData("-c -fno-pic -O1 -ftls-model=local-exec", "TLS_LE")]
    [InlineData("-c -fPIC -O1 -DSUN", "TLS_IE_32")]
    public void Every_value_of_a_thread_local_variable_is_that_of_the_psABI(string arguments, string relocations)
    {
        Check(ThreadLocals, arguments, relocations);
        using TargetProgram program = Start();
        _ = Patching.Apply(program, Compile(ThreadLocals, arguments), "J step step_plug");
        Assert.Equal("step 8010 40", Ask(program, "3"));
        Assert.Equal("step 9011 40", Ask(program, "1"));
    }

    [Fact]
    public void Functions_that_the_patch_picks_at_run_time_are_picked()
    {
        Check(Picked, "-shared -fPIC -O1", "IRELATIVE");
        using TargetProgram program = Start();
        _ = Patching.Apply(program, Compile(Picked, "-shared -fPIC -O1"), "J step step_plug");
        Assert.Equal("step 600 40", Ask(program, "3"));
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void A_patch_works_however_it_was_compiled(string arguments, string relocations)
    {
        Assert.NotEmpty(relocations);
        using TargetProgram program = Start();
        _ = Patching.Apply(program, Compile(RelocationTests.Source, arguments), "J step choose");
        Assert.Equal("step 1118 40", Ask(program, "0"));
        Assert.Equal(["100", "77", "1", "0", "7", "12", "-1"], Enumerable.Range(1, 7).Select(n => Ask(program, $"{n}").Split(' ')[1]));
    }

    [Fact]
    public void A_function_that_nobody_has_picked_yet_is_called_by_code_that_is_not_position_independent()
    {
        // strrchr is an IFUNC that the program does not use.
        const string source = """
            extern char *strrchr(const char *, int);
            const char *volatile text = "abcabc";
            long step_plug(long n) { return strrchr(text, 'b') - text + n; }
            """;
        using TargetProgram program = Start();
        PatchException error = Patching.Refused(program, () =>
            Patching.Apply(program, Compile(source, "-shared -fno-pic -O1 -fno-builtin -Wl,-z,notext"), "J step step_plug"));
        Assert.Equal(PatchErrorId.RelocationUnsupported, error.Id);
        Assert.Matches(@"R_386_PC32 .*\(strrchr\).*-fPIC", error.Message);
        _ = Patching.Apply(program, Compile(source, "-c -fno-pic -O1 -fno-builtin"), "J step step_plug");
        Assert.Equal("step 14 40", Ask(program, "10"));
    }

    [Theory]
    [InlineData("-shared -fPIC -O1 -mtls-dialect=gnu2", "R_386_TLS_DESC ", "-mtls-dialect=gnu.")]
    [InlineData("-c -fPIC -O1 -mtls-dialect=gnu2", "R_386_TLS_GOTDESC ", "-mtls-dialect=gnu.")]
    public void What_it_cannot_do_it_names_with_the_way_out(string arguments, string relocation, string remedy)
    {
        using TargetProgram program = Start();
        PatchException error = Patching.Refused(program, () => Patching.Apply(program, Compile(ThreadLocals, arguments), "J step step_plug"));
        Assert.Equal(PatchErrorId.RelocationUnsupported, error.Id);
        Assert.Contains(relocation, error.Message);
        Assert.Contains("target_tls", error.Message);
        Assert.Contains(remedy, error.Message);
    }

    private static void Check(string source, string arguments, string relocations)
    {
        using TargetProgram program = Start();
        string path = Compile(source, arguments);
        using TargetProcess target = TargetProcess.Open(program.Id);
        using PatchFile patch = PatchFile.Open(path);
        PatchModule module = PatchLoader.Mount(target, patch, new ResolverOptions(), BackendKind.Auto, TimeSpan.FromSeconds(20));
        Readelf.Relocation[] all = [.. Readelf.Relocations(path).Where(r => r.Section != ".eh_frame")];
        Assert.Superset(relocations.Split(' ').Select(r => "R_386_" + r).ToHashSet(), all.Select(r => r.Type).ToHashSet());
        var expected = new PsAbi(target, patch, module, name => Ask(program, name), isPic: !arguments.Contains("-fno-pic"));
        foreach (Readelf.Relocation r in all) expected.Check(r);
    }

    private static string Compile(string source, string arguments) => Gcc.Compile(source, "-m32 " + arguments,
        arguments.Contains("-shared") ? "patch32.so" : "patch32.o");

    private static TargetProgram Start()
    {
        TargetProgram program = TargetProgram.Start(s_program);
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        // Lazy binding has then found the functions that it calls.
        Assert.Equal("step 7 40", Ask(program, "7"));
        return program;
    }

    private static string Ask(TargetProgram program, string what)
    {
        program.Say(what);
        return program.NextLine();
    }

    /// <summary>What the psABI says of each relocation, in its letters.</summary>
    private sealed class PsAbi(TargetProcess target, PatchFile patch, PatchModule module, Func<string, string> ask, bool isPic)
    {
        private readonly bool _isObject = patch.Image.Type == ElfType.Rel;
        private readonly uint _bias = (uint)module.Address - (uint)patch.Image.ProgramHeaders.Where(p => p.IsLoad).Select(p => p.VirtualAddress).FirstOrDefault();
        private readonly Dictionary<string, uint> _own = PatchLoader.Find(target, module, "*").DistinctBy(s => s.Name).ToDictionary(s => s.Name, s => (uint)s.Address);
        private readonly Dictionary<string, uint> _sections = [];
        private uint? _got;

        public void Check(Readelf.Relocation r)
        {
            uint place = Section(r.Section) + (uint)r.Offset, value = Word(place), addend = AddendOf(r);
            switch (r.Type["R_386_".Length..])
            {
                case "RELATIVE": Is(_bias + addend); break;
                case "GLOB_DAT" or "JUMP_SLOT": Is(Symbol(r)); break;
                case "IRELATIVE": Is(_own["fast"]); break;
                case "32": Is(Symbol(r, value - addend) + addend); break;
                case "PC32" or "PLT32": LeadsTo(value + place - addend, Symbol(r)); break;
                case "GOTOFF": Is(Symbol(r, value + Got() - addend) + addend - Got()); break;
                case "GOTPC": Assert.Equal(Got(), value + place - addend); break;
                case "GOT32" or "GOT32X": Assert.Equal(Symbol(r), Word(value - addend + (isPic ? Got() : 0))); break;
                case "TLS_DTPMOD32": Is(Variable(r, 0)); break;
                case "TLS_DTPOFF32" or "TLS_LDO_32": Is(Variable(r, 1) + addend); break;
                case "TLS_TPOFF" or "TLS_LE": Is(Variable(r, 2) + addend); break;
                case "TLS_TPOFF32": Is(addend - Variable(r, 2)); break;
                case "TLS_GD": Assert.Equal((Variable(r, 0), Variable(r, 1)), (Word(Got() + value), Word(Got() + value + 4))); break;
                case "TLS_LDM": Assert.Equal((Variable(r, 0), 0u), (Word(Got() + value), Word(Got() + value + 4))); break;
                case "TLS_IE": Assert.Equal(Variable(r, 2), Word(value)); break;
                case "TLS_GOTIE": Assert.Equal(Variable(r, 2), Word(Got() + value)); break;
                case "TLS_IE_32": Assert.Equal(0 - Variable(r, 2), Word(Got() + value)); break;
                default: Assert.Fail($"{r.Type} is not looked at"); break;
            }

            void Is(uint expected) => Assert.True(expected == value, $"{r}: 0x{value:x} and not 0x{expected:x}");
        }

        // What the patch has of that name comes first, then what the target's dynamic linker finds.
        private uint Symbol(Readelf.Relocation r, uint? found = null) => r.Symbol.Length == 0 ? 0
            : _own.TryGetValue(r.Symbol, out uint own) ? own
            : r.Symbol[0] == '.' ? Section(r.Symbol, found)
            : uint.Parse(ask(r.Symbol), NumberStyles.HexNumber, CultureInfo.InvariantCulture);

        private uint Variable(Readelf.Relocation r, int word) =>
            uint.Parse(ask(r.Symbol).Split(' ')[word], NumberStyles.HexNumber, CultureInfo.InvariantCulture);

        // There, or to an entry of a PLT in an object, which leads there by way of a slot: endbr32; jmp [slot].
        private void LeadsTo(uint address, uint symbol)
        {
            if (address == symbol) return;
            Assert.True(_isObject);
            byte[] entry = Read(address, 10);
            Assert.Equal([0xf3, 0x0f, 0x1e, 0xfb, 0xff, 0x25], entry[..6]);
            Assert.Equal(symbol, Word(BitConverter.ToUInt32(entry, 6)));
        }

        // All code agrees on where it is.
        private uint Got() => _got ??= Readelf.Relocations(patch.Path).Where(r => r.Type == "R_386_GOTPC")
            .Select(r => Section(r.Section) + (uint)r.Offset is var place ? Word(place) + place - AddendOf(r) : 0).Distinct().Single();

        // Where a section of an object was laid is told by a symbol in it, or else by its contents at the place that was found.
        private uint Section(string name, uint? found = null)
        {
            if (!_isObject) return _bias;
            if (_sections.TryGetValue(name, out uint known)) return known;
            SectionHeader section = patch.Image.FindSection(name)!;
            foreach (ElfSymbol s in patch.Image.SymbolTable)
                if (s.SectionIndex == section.Index && s.Name.Length > 0 && _own.TryGetValue(s.Name, out uint own)) return _sections[name] = own - (uint)s.Value;
            Assert.True(found is not null && section.Size > 0, $"where {name} is cannot be told");
            byte[] expected = patch.Image.SectionData(section).ToArray(), there = Read(found.Value, (int)section.Size);
            foreach (Readelf.Relocation r in Readelf.Relocations(patch.Path).Where(r => r.Section == name))
            {
                expected.AsSpan((int)r.Offset, 4).Clear();
                there.AsSpan((int)r.Offset, 4).Clear();
            }
            Assert.Equal(expected, there);
            return _sections[name] = found.Value;
        }

        private uint AddendOf(Readelf.Relocation r)
        {
            byte[] word = new byte[4];
            if (_isObject) patch.Image.SectionData(patch.Image.FindSection(r.Section)!).Slice((int)r.Offset, 4).CopyTo(word);
            else Assert.True(patch.Image.TryReadVirtual(r.Offset, word));
            return BitConverter.ToUInt32(word);
        }

        private uint Word(uint address) => BitConverter.ToUInt32(Read(address, 4));

        private byte[] Read(uint address, int length)
        {
            byte[] bytes = new byte[length];
            Assert.Equal(length, target.Memory.Read(address, bytes));
            return bytes;
        }
    }
}
