using Pannus.Core;
using Pannus.LivePatches;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>A jump leads to code and a pointer to an address, and nothing in the program leads into the jump.</summary>
public abstract class DestinationTests(string machine)
{
    // "value" runs the machine.
    private const string Machine = """
        #include "target.h"
        int (*pointer)(int);
        PATCHABLE int plain(int x) { OPAQUE(x); return x + 1; }
        // The first label lies in the first bytes of the function, and the table holds whole addresses.
        __attribute__((naked, used)) int dispatch(int x) { __asm__(CODE); }
        int main(void)
        {
            target_ready();
            while (next_command()) printf("value %d\n", dispatch(0));
        }
        """;

    private const string X64Code = "clc; 1: inc %edi; cmp $3, %edi; je 2f; lea t(%rip), %rdx; jmp *(%rdx); 2: mov %edi, %eax; ret;"
        + " .pushsection .data.rel.ro,\\\"aw\\\"; .balign 8; t: .quad 1b, 2b; .popsection";
    private const string IA32Code = "clc; 1: incl 4(%esp); cmpl $3, 4(%esp); je 2f; call 3f; 3: pop %edx; add $(t - 3b), %edx; jmp *(%edx);"
        + " 2: mov 4(%esp), %eax; ret; .pushsection .data.rel.ro,\\\"aw\\\"; .balign 4; t: .long 1b, 2b; .popsection";

    private const string Patch = """
        int code(int x) { return x + 100; }
        int data[4] = { 1, 2, 3, 4 };
        const int constant = 5;
        static int (*pick(void))(int) { return code; }
        int indirect(int) __attribute__((ifunc("pick")));
        __asm__(".globl absolute\n.set absolute, 0x1234\n.text\n.globl untyped\nuntyped: ret\n");
        """;

    [Theory]
    [InlineData("J plain data", "is data, and J needs a function")]
    [InlineData("J plain constant", "is data, and J needs a function")]
    [InlineData("J plain absolute", "absolute is an absolute symbol")]
    [InlineData("P pointer absolute", "absolute is an absolute symbol")]
    [InlineData("J plain indirect", "indirect is an IFUNC")]
    [InlineData("P pointer indirect", "indirect is an IFUNC")]
    public void A_destination_that_is_none_is_refused(string command, string text)
    {
        using TargetProgram program = Start("-O2");
        foreach (string kind in (string[])["-shared -fPIC", "-c -fPIC"])
        {
            string patch = Gcc.Compile(Patch, $"-O2 {kind} {machine}", "destination.so");
            PatchException error = Patching.Refused(program, () => Patching.Apply(program, patch, command));
            Assert.Equal(PatchErrorId.CommandInvalid, error.Id);
            Assert.Contains(text, error.Message);
        }
    }

    [Fact]
    public void A_label_of_assembly_code_without_a_type_is_a_function()
    {
        using TargetProgram program = Start("-O2");
        string patch = Gcc.Compile(Patch, $"-O2 -shared -fPIC {machine}", "destination.so");
        Assert.Equal(LivePatchStatus.Applied, Patching.Apply(program, patch, "J plain untyped\nP pointer data").Status);
    }

    [Theory]
    [InlineData("-O2")]
    [InlineData("-O2 -fno-pie -no-pie")]
    public void A_computed_goto_into_the_entry_is_seen(string flags)
    {
        using TargetProgram program = Start(flags);
        string patch = Gcc.Compile("int code(void) { return 7; }", $"-O2 -shared -fPIC {machine}", "dispatch.so");
        PatchException error = Patching.Refused(program, () => Patching.Apply(program, patch, "J dispatch code"));
        Assert.Equal(PatchErrorId.EntryIsBranchTarget, error.Id);
        program.Say("value");
        Assert.Equal("value 3", program.NextLine());
    }

    private TargetProgram Start(string flags)
    {
        string code = machine == Support.Machine.X64 ? X64Code : IA32Code;
        string include = Path.Combine(Built.Repository, "tests/targets");
        string path = Gcc.Compile(Machine.Replace("CODE", $"\"{code}\""), $"{flags} {machine} -I{include}", "dispatch");
        TargetProgram program = TargetProgram.Start(path);
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        return program;
    }
}

/// <summary>The same for 64-bit programs.</summary>
public sealed class X64DestinationTests() : DestinationTests(Machine.X64);

/// <summary>The same for 32-bit programs.</summary>
public sealed class IA32DestinationTests() : DestinationTests(Machine.IA32);
