using Pannus.Core;
using Pannus.Planning;
using Pannus.Symbols;
using Pannus.Tests.Support;
using Pannus.Tests.Symbols;

namespace Pannus.Tests.Planning;

/// <summary>
/// Functions in assembler, each with one reason for or against a jump of five bytes, or of two, at its entry.
/// </summary>
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
            ".p2align 12\n .skip 4093\n.globl across_pages\n.type across_pages, @function\nacross_pages:\n mov $1, %eax\n"
                " mov $2, %eax\n ret\nEND across_pages\n .nops 15\n"
            ".p2align 4\n.globl sizeless\nsizeless:\n mov $7, %eax\n ret\n"
            ".p2align 4\n.globl sizeless_short\nsizeless_short:\n ret\n mov $1, %eax\n ret\n"
            ".p2align 4\n.globl sizeless_padded\nsizeless_padded:\n ret\n .nops 15\n"
            // Behind CROWDED there is no padding in reach.
            ".macro CROWDED name\n.p2align 4\n.globl far_\\name\n.type far_\\name, @function\nfar_\\name:\n"
                ".rept 100\n mov $1, %eax\n.endr\n ret\n.size far_\\name, . - far_\\name\n"
                ".globl \\name\n.type \\name, @function\n\\name:\n.endm\n"
            ".macro CROWD name\n.globl by_\\name\n.type by_\\name, @function\nby_\\name:\n"
                ".rept 100\n mov $1, %eax\n.endr\n ret\n.size by_\\name, . - by_\\name\n.endm\n"
            "CROWDED alone\n xor %eax, %eax\n ret\nEND alone\nCROWD alone\n"
            "CROWDED alone_loop\n xor %eax, %eax\n1: inc %eax\n cmp %edi, %eax\n jne 1b\n ret\nEND alone_loop\n"
                "CROWD alone_loop\n"
            "FUNCTION one_byte\n ret\nEND one_byte\n.globl no_byte\n.type no_byte, @function\nno_byte:\n"
                " mov %edi, %eax\n ret\nEND no_byte\n"
            "FUNCTION loops_to_byte_1\n push %rax\n1: dec %edi\n jnz 1b\n pop %rax\n ret\nEND loops_to_byte_1\n"
            "FUNCTION called_inside\n push %rax\n pop %rax\n mov $1, %eax\n ret\nEND called_inside\n"
            "FUNCTION caller\n call called_inside + 1\n ret\nEND caller\n"
            // What falls through, or may return, into padding.
            "CROWDED by_live_nops\n xor %eax, %eax\n ret\nEND by_live_nops\n"
                ".globl falls\n.type falls, @function\nfalls:\n mov $1, %eax\nEND falls\n .nops 8\n"
                "CROWD by_live_nops\n"
            "CROWDED by_used_nops\n xor %eax, %eax\n ret\nEND by_used_nops\n"
                ".globl ends\n.type ends, @function\nends:\n mov $1, %eax\n ret\nEND ends\nused: .nops 8\n"
                "CROWD by_used_nops\n jmp used\n"
            "CROWDED by_int3\n xor %eax, %eax\n ret\nEND by_int3\n"
                ".globl calls_last\n.type calls_last, @function\ncalls_last: call caller\nEND calls_last\n .fill 5, 1, 0xcc\n"
                "CROWD by_int3\n"
            // Five bytes before the entry and two in it, as -fpatchable-function-entry=7,5 has it.
            ".p2align 4\n .rept 5\n nop\n .endr\n.globl nops_before\n.type nops_before, @function\nnops_before:\n"
                " endbr64\n nop\n nop\n mov $5, %eax\n ret\nEND nops_before\n"
            "FUNCTION nops_at\n .rept 5\n nop\n .endr\n mov $5, %eax\n ret\nEND nops_at\n"
            // A jump table of the kind that -fpie makes, of which an entry leads to byte 2.
            "FUNCTION table_into_entry\n push %rax\n push %rcx\n lea table(%rip), %rdx\n mov %edi, %edi\n"
                " movslq (%rdx,%rdi,4), %rax\n add %rdx, %rax\n jmp *%rax\nEND table_into_entry\n"
                ".section .rodata\ntable: .long table_into_entry + 18 - table, table_into_entry + 2 - table\n.text\n"
            "FUNCTION table_of_addresses\n push %rax\n push %rcx\n jmp *addresses(,%rdi,8)\nEND table_of_addresses\n"
                ".section .rodata\naddresses: .quad table_of_addresses + 2\n.text\n"
            "FUNCTION last\n ret\nEND last\n .nops 15\n");
        int main(void) { {{SleepingProgram.Sleep}} }
        """, "-O1 -no-pie", "entries");

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
    [InlineData("nops_at", 0)]
    [InlineData("libc.so.6!puts", 0)]
    public void There_is_room_for_a_jump(string name, ulong offset)
    {
        FunctionEntry entry = Find(name);
        Assert.Equal((entry.Code.Function.Address + offset, 5, null), (entry.Address, entry.Length, entry.PaddingJump));
    }

    [Theory]
    [InlineData("before_another", 0)]
    [InlineData("before_nameless", 0)]
    [InlineData("before_zeros", 0)]
    [InlineData("before_junk", 0)]
    [InlineData("loops_into_entry", 0)]
    [InlineData("endbr64_loops_into_jump", 4)]
    [InlineData("loops_by_rcx", 0)]
    [InlineData("calls_into_entry", 0)]
    [InlineData("far_loop", 0)]
    [InlineData("by_int3", 0)]
    [InlineData("table_into_entry", 0)]
    [InlineData("table_of_addresses", 0)]
    public void There_is_room_for_two_bytes_that_jump_to_padding(string name, ulong offset)
    {
        FunctionEntry entry = Find(name);
        Assert.Equal((entry.Code.Function.Address + offset, 2), (entry.Address, entry.Length));
        Assert.InRange((long)(entry.PaddingJump!.Value - entry.Address - 2), -128, 127);
        Assert.DoesNotContain(new SymbolResolver(_running.Target).Find("*"), s => s.Address < entry.PaddingJump + 5
            && entry.PaddingJump < s.Address + Math.Max(s.Size, 1) && s.Module == _running.Target.Executable.Name);
    }

    [Fact]
    public void Nops_before_the_entry_are_used_when_two_at_the_entry_are_for_that()
    {
        FunctionEntry entry = Find("nops_before");
        Assert.Equal((Resolve("nops_before").Address + 4, 2, Resolve("nops_before").Address - 5), (entry.Address, entry.Length, entry.PaddingJump));
    }

    [Fact]
    public void A_jump_that_would_lie_in_two_pages_becomes_one_of_two_bytes()
    {
        FunctionEntry entry = Find("across_pages");
        Assert.Equal(0xffdul, entry.Address & 0xfff);
        Assert.Equal(2, entry.Length);
        Assert.InRange(entry.PaddingJump!.Value, entry.Code.End, entry.Code.End + 10);
    }

    [Fact]
    public void Two_short_functions_do_not_share_the_padding()
    {
        var planner = new EntryPlanner(_running.Target);
        ulong[] paddingJumps = [.. ((string[])["before_another", "another", "before_nameless", "before_zeros", "before_junk"])
            .Select(n => planner.Find(Resolve(n)).PaddingJump).OfType<ulong>().Order()];
        Assert.InRange(paddingJumps.Length, 4, 5);
        for (int i = 1; i < paddingJumps.Length; i++) Assert.InRange(paddingJumps[i] - paddingJumps[i - 1], 5ul, ulong.MaxValue);
    }

    [Theory]
    [InlineData("alone", "another symbol begins")]
    [InlineData("by_live_nops", "another symbol begins")]
    [InlineData("by_used_nops", "another symbol begins")]
    [InlineData("one_byte", "another symbol begins")]
    [InlineData("sizeless_short", "not padding (+0x1)")]
    public void A_function_that_is_too_short_is_refused(string name, string why)
    {
        PatchException error = Assert.Throws<PatchException>(() => Find(name));
        Assert.Equal(PatchErrorId.FunctionTooShort, error.Id);
        Assert.StartsWith(name, error.Message);
        Assert.Contains(why, error.Message);
    }

    [Theory]
    [InlineData("loops_to_byte_1", "the instruction at +0x3", "+0x1")]
    [InlineData("alone_loop", "the instruction at +0x6", "+0x2")]
    [InlineData("called_inside", "caller+0x0", "+0x1")]
    public void A_function_with_a_branch_into_its_entry_is_refused(string name, string from, string where)
    {
        PatchException error = Assert.Throws<PatchException>(() => Find(name));
        Assert.Equal(PatchErrorId.EntryIsBranchTarget, error.Id);
        Assert.StartsWith(name, error.Message);
        Assert.Contains(from, error.Message);
        Assert.Contains($"branches to {where},", error.Message);
    }

    [Fact]
    public void Every_function_of_libc_is_judged_without_a_failure()
    {
        var resolver = new SymbolResolver(_running.Target);
        var planner = new EntryPlanner(_running.Target);
        int room = 0, refused = 0;
        foreach (ResolvedSymbol function in resolver.Find("libc.so.6!str*").Where(f =>
            f.Type == SymbolType.Function).DistinctBy(f => f.Address))
        {
            try
            {
                _ = planner.Find(function);
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

    private FunctionEntry Find(string name) => new EntryPlanner(_running.Target).Find(Resolve(name));

    private ResolvedSymbol Resolve(string name) => new SymbolResolver(_running.Target).Resolve(name);
}
