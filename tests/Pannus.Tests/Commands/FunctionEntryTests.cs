using Pannus.Patcher;
using Pannus.Resolver;
using Pannus.Tests.Support;

namespace Pannus.Tests;

/// <summary>Functions in assembler, each with one reason for or against a jump of five bytes at its entry.</summary>
public sealed class FunctionEntryTests : IDisposable
{
    // FUNCTION begins a function, END gives it its size; what stands between END and the next FUNCTION is nobody's.
    private static readonly string s_program = Gcc.Compile($$"""
        #include <stdio.h>
        #include <unistd.h>
        __asm__(
            ".macro FUNCTION name\n.p2align 4\n.globl \\name\n.type \\name, @function\n\\name:\n.endm\n"
            ".macro END name\n.size \\name, . - \\name\n.endm\n"
            ".text\n"
            "FUNCTION ordinary\n push %rbp\n mov %rsp, %rbp\n mov %edi, %eax\n pop %rbp\n ret\nEND ordinary\n"
            "FUNCTION with_endbr64\n endbr64\n lea 1(%rdi), %eax\n add $2, %eax\n ret\nEND with_endbr64\n"
            "FUNCTION short_endbr64\n endbr64\n ret\nEND short_endbr64\n"
            "FUNCTION padded_with_nops\n ret\nEND padded_with_nops\n .nops 15\n"
            "FUNCTION padded_with_int3\n xor %eax, %eax\n ret\nEND padded_with_int3\n int3\n int3\n int3\n"
            "FUNCTION before_another\n xor %eax, %eax\n ret\nEND before_another\n"
            ".globl another\n.type another, @function\nanother:\n mov %edi, %eax\n ret\nEND another\n"
            "FUNCTION before_nameless\n xor %eax, %eax\n ret\nEND before_nameless\n mov $1, %eax\n ret\n"
            "FUNCTION before_zeros\n xor %eax, %eax\n ret\nEND before_zeros\n .zero 8\n"
            "FUNCTION before_junk\n xor %eax, %eax\n ret\nEND before_junk\n .byte 6, 6, 6\n"
            "FUNCTION loops_into_entry\n xor %eax, %eax\n1: inc %eax\n cmp %edi, %eax\n jne 1b\n"
                " ret\nEND loops_into_entry\n"
            "FUNCTION loops_to_entry\n dec %edi\n mov %edi, %eax\n nop\n jg loops_to_entry\n"
                " ret\nEND loops_to_entry\n"
            "FUNCTION loops_behind_entry\n mov $0, %eax\n1: inc %eax\n cmp %edi, %eax\n jne 1b\n"
                " ret\nEND loops_behind_entry\n"
            "FUNCTION endbr64_loops_to_second\n endbr64\n1: dec %edi\n mov %edi, %eax\n nop\n"
                " jg 1b\n ret\nEND endbr64_loops_to_second\n"
            "FUNCTION endbr64_loops_into_jump\n endbr64\n xor %eax, %eax\n1: inc %eax\n"
                " cmp %edi, %eax\n jne 1b\n ret\nEND endbr64_loops_into_jump\n"
            "FUNCTION loops_by_rcx\n mov %edi, %ecx\n1: inc %eax\n nop\n nop\n loop 1b\n ret\nEND loops_by_rcx\n"
            "FUNCTION calls_into_entry\n xor %eax, %eax\n1: inc %eax\n nop\n ret\n call 1b\n"
                " ret\nEND calls_into_entry\n"
            "FUNCTION far_loop\n xor %eax, %eax\n1: inc %eax\n .nops 300\n cmp %edi, %eax\n"
                " jne 1b\n ret\nEND far_loop\n"
            "FUNCTION returns_early\n test %edi, %edi\n ret\n nop\n mov $5, %eax\n ret\nEND returns_early\n"
            ".p2align 4\n.globl sizeless\nsizeless:\n mov $7, %eax\n ret\n"
            ".p2align 4\n.globl sizeless_short\nsizeless_short:\n ret\n mov $1, %eax\n ret\n"
            ".p2align 4\n.globl sizeless_padded\nsizeless_padded:\n ret\n .nops 15\n"
            "FUNCTION last\n ret\nEND last\n .nops 15\n");
        int main(void) { {{SleepingProgram.Sleep}} }
        """, "-O1", "entries");

    private readonly SleepingProgram _running = new(s_program);

    public void Dispose() => _running.Dispose();

    [Theory]
    [InlineData("ordinary", 0)]
    [InlineData("with_endbr64", 4)]
    [InlineData("short_endbr64", 4)]
    [InlineData("padded_with_nops", 0)]
    [InlineData("padded_with_int3", 0)]
    [InlineData("loops_to_entry", 0)]
    [InlineData("loops_behind_entry", 0)]
    [InlineData("endbr64_loops_to_second", 4)]
    [InlineData("returns_early", 0)]
    [InlineData("sizeless", 0)]
    [InlineData("sizeless_padded", 0)]
    [InlineData("last", 0)]
    [InlineData("main", 0)]
    [InlineData("libc.so.6!puts", 0)]
    public void There_is_room_for_a_jump(string name, ulong offset)
    {
        ResolvedSymbol function = Resolve(name);
        Assert.Equal(function.Address + offset, FunctionEntry.FindJumpPlace(_running.Target, function));
    }

    [Theory]
    [InlineData("before_another", "another symbol begins")]
    [InlineData("before_nameless", "not padding (+0x3)")]
    [InlineData("before_zeros", "not padding")]
    [InlineData("before_junk", "no instruction")]
    [InlineData("sizeless_short", "not padding (+0x1)")]
    public void A_function_that_is_too_short_is_refused(string name, string why)
    {
        PatchException error = Assert.Throws<PatchException>(() =>
            FunctionEntry.FindJumpPlace(_running.Target, Resolve(name)));
        Assert.Equal(PatchErrorId.FunctionTooShort, error.Id);
        Assert.StartsWith(name, error.Message);
        Assert.Contains(why, error.Message);
    }

    [Theory]
    [InlineData("loops_into_entry", "+0x2")]
    [InlineData("endbr64_loops_into_jump", "+0x6")]
    [InlineData("loops_by_rcx", "+0x2")]
    [InlineData("calls_into_entry", "+0x2")]
    [InlineData("far_loop", "+0x2")]
    public void A_function_that_branches_back_into_its_entry_is_refused(string name, string where)
    {
        PatchException error = Assert.Throws<PatchException>(() =>
            FunctionEntry.FindJumpPlace(_running.Target, Resolve(name)));
        Assert.Equal(PatchErrorId.EntryIsBranchTarget, error.Id);
        Assert.StartsWith(name, error.Message);
        Assert.Contains($"branches to {where},", error.Message);
    }

    [Fact]
    public void Every_function_of_libc_is_judged_without_a_failure()
    {
        var resolver = new SymbolResolver(_running.Target);
        int room = 0, refused = 0;
        foreach (ResolvedSymbol function in resolver.Find("libc.so.6!str*").Where(f =>
            f.Type == SymbolType.Function).DistinctBy(f => f.Address))
        {
            try
            {
                _ = FunctionEntry.FindJumpPlace(_running.Target, function);
                room++;
            }
            catch (PatchException e)
            {
                Assert.True(e.Id is PatchErrorId.FunctionTooShort or PatchErrorId.EntryIsBranchTarget, e.ToString());
                refused++;
            }
        }
        Assert.InRange(room, 50, int.MaxValue);
        Assert.InRange(refused, 0, room / 5);
    }

    private ResolvedSymbol Resolve(string name) => new SymbolResolver(_running.Target).Resolve(name);
}
