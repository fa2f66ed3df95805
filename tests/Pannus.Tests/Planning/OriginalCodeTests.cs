using Iced.Intel;
using Pannus.Core;
using Pannus.Planning;
using Pannus.Symbols;
using Pannus.Tests.Support;
using Pannus.Tests.Symbols;

namespace Pannus.Tests.Planning;

/// <summary>What becomes of a function's first instructions in another place, and which cannot be moved.</summary>
public sealed class OriginalCodeTests : IDisposable
{
    private static readonly string s_program = Gcc.Compile($$"""
        #include <stdio.h>
        #include <unistd.h>
        int number = 5;
        int (*pointer)(int);
        __asm__(
            ".macro FUNCTION name\n.p2align 4\n.globl \\name\n.type \\name, @function\n\\name:\n.endm\n"
            ".macro END name\n.size \\name, . - \\name\n.endm\n"
            ".text\n"
            "FUNCTION ordinary\n push %rbp\n mov %rsp, %rbp\n mov %edi, %eax\n pop %rbp\n ret\nEND ordinary\n"
            "FUNCTION with_endbr64\n endbr64\n lea 1(%rdi), %eax\n add $2, %eax\n ret\nEND with_endbr64\n"
            "FUNCTION loads\n mov number(%rip), %eax\n ret\nEND loads\n"
            "FUNCTION branches\n cmp $7, %edi\n je 1f\n mov %edi, %eax\n ret\n1: xor %eax, %eax\n ret\nEND branches\n"
            "FUNCTION calls\n sub $8, %rsp\n call ordinary\n add $8, %rsp\n ret\nEND calls\n"
            "FUNCTION calls_pointer\n push %rbx\n call *pointer(%rip)\n pop %rbx\n ret\nEND calls_pointer\n"
            "FUNCTION loops_by_rcx\n mov %edi, %ecx\n jrcxz 1f\n nop\n mov %edi, %eax\n1: ret\nEND loops_by_rcx\n"
            "FUNCTION loops_to_entry\n dec %edi\n mov %edi, %eax\n nop\n jg loops_to_entry\n ret\nEND loops_to_entry\n"
            "FUNCTION loops_to_place\n endbr64\n1: dec %edi\n mov %edi, %eax\n nop\n jg 1b\n ret\nEND loops_to_place\n"
            "FUNCTION returns_into_jump\n call *%rdi\n mov $1, %eax\n ret\nEND returns_into_jump\n"
            "FUNCTION learns_place\n push %rbx\n call 1f\n1: pop %rax\n pop %rbx\n ret\nEND learns_place\n"
            "FUNCTION recurses\n push %rbx\n call recurses\n pop %rbx\n ret\nEND recurses\n"
            "FUNCTION loops_at_once\n nop\n jmp loops_at_once\n nop\n nop\n ret\nEND loops_at_once\n"
            "FUNCTION calls_stack\n nop\n call *8(%rsp)\n ret\nEND calls_stack\n"
            "FUNCTION table_to_entry\n mov %edi, %edi\n jmp *table(,%rdi,8)\nEND table_to_entry\n"
                ".section .rodata\ntable: .quad table_to_entry + 2, table_to_entry\n.text\n"
            "FUNCTION tails\n jmp ordinary\nEND tails\n"
            "FUNCTION last\n ret\nEND last\n .nops 15\n");
        int main(void) { {{SleepingProgram.Sleep}} }
        """, "-O1 -no-pie", "originals");

    private const ulong Place = 0x10_0000;

    private readonly SleepingProgram _running = new(s_program);

    public void Dispose() => _running.Dispose();

    [Theory]
    [InlineData("ordinary", "push rbp|mov rbp,rsp|mov eax,edi|jmp ordinary+6")]
    [InlineData("with_endbr64", "endbr64|lea eax,[rdi+1]|add eax,2|jmp with_endbr64+10")]
    [InlineData("loads", "mov eax,[number]|jmp loads+6")]
    [InlineData("branches", "cmp edi,7|je branches+8|jmp branches+5")]
    [InlineData("loops_by_rcx", "mov ecx,edi|jrcxz|jmp|jmp loops_by_rcx+7|nop|jmp loops_by_rcx+5")]
    [InlineData("tails", "jmp ordinary+0|jmp tails+5")]
    public void What_is_relative_to_the_place_is_encoded_anew(string name, string expected)
    {
        byte[] code = Move(name);
        string[] wanted = expected.Split('|');
        Instruction[] found = [.. FunctionCode.Decode(64, code, Place, Place).Take(wanted.Length)];
        for (int i = 0; i < wanted.Length; i++)
        {
            string[] words = wanted[i].Split(' ');
            Assert.Equal(words[0], found[i].Mnemonic.ToString().ToLowerInvariant());
            if (words.Length > 1 && words[1].Contains('+') && !words[1].Contains('['))
            {
                string[] parts = words[1].Split('+');
                Assert.Equal(Resolve(parts[0]).Address + ulong.Parse(parts[1]), found[i].NearBranchTarget);
            }
            else if (wanted[i].EndsWith("[number]", StringComparison.Ordinal))
            {
                Assert.Equal(Resolve("number").Address, found[i].IPRelativeMemoryAddress);
            }
            else if (words.Length > 1)
            {
                Assert.Equal(wanted[i], found[i].ToString());
            }
        }
    }

    [Theory]
    [InlineData("calls", 9)]
    [InlineData("calls_pointer", 7)]
    [InlineData("learns_place", 6)]
    [InlineData("recurses", 6)]
    public void A_call_returns_into_the_function_itself(string name, ulong behind)
    {
        byte[] code = Move(name);
        Instruction[] found = [.. FunctionCode.Decode(64, code, Place, Place).Take(3)];
        Assert.Equal((Mnemonic.Push, Mnemonic.Jmp), (found[1].Mnemonic, found[2].Mnemonic));
        ulong pushed = BitConverter.ToUInt64(code, (int)(found[1].IPRelativeMemoryAddress - Place));
        Assert.Equal(Resolve(name).Address + behind, pushed);
        ulong leadsTo = name == "calls_pointer" ? found[2].IPRelativeMemoryAddress : found[2].NearBranchTarget;
        Assert.Equal(name switch
        {
            "calls" => Resolve("ordinary").Address,
            "calls_pointer" => Resolve("pointer").Address,
            "recurses" => Resolve("recurses").Address,
            _ => Resolve(name).Address + behind,
        }, leadsTo);
    }

    [Theory]
    [InlineData("loops_to_entry", "loops to its entry from +0x5")]
    [InlineData("loops_at_once", "loops to its entry from +0x1")]
    [InlineData("loops_to_place", "loops to its entry from +0x9")]
    [InlineData("returns_into_jump", "call at +0x0 would return into")]
    [InlineData("calls_stack", "calls what lies on the stack")]
    [InlineData("table_to_entry", "a jump table")]
    public void What_would_not_be_the_same_elsewhere_is_refused(string name, string why)
    {
        PatchException error = Assert.Throws<PatchException>(() => Move(name));
        Assert.Equal(PatchErrorId.EntryIsBranchTarget, error.Id);
        Assert.StartsWith(name + "__original", error.Message);
        Assert.Contains(why, error.Message);
    }

    [Fact]
    public void What_refers_to_data_out_of_reach_is_refused()
    {
        // One of libc's functions that read a variable at once; the patch lies by the program, far below.
        var planner = new EntryPlanner(_running.Target);
        FunctionEntry entry = new SymbolResolver(_running.Target).Find("libc.so.6!s*").Where(f => f.Type == SymbolType.Function)
            .Select(planner.Find).First(e => e.Overwritten.Any(i => i.IsIPRelativeMemoryOperand));
        PatchException error = Assert.Throws<PatchException>(() => new OriginalCode(_running.Target, entry, planner.Labels).MoveTo(Place));
        Assert.Equal(PatchErrorId.NoAddressSpace, error.Id);
        Assert.Contains("2 GiB", error.Message);
        // A branch reaches everything.
        Assert.NotEmpty(Move("branches", 0x7f00_0000_0000));
    }

    private byte[] Move(string name, ulong address = Place)
    {
        var planner = new EntryPlanner(_running.Target);
        return new OriginalCode(_running.Target, planner.Find(Resolve(name)), planner.Labels).MoveTo(address);
    }

    private ResolvedSymbol Resolve(string name) => new SymbolResolver(_running.Target).Resolve(name);
}
