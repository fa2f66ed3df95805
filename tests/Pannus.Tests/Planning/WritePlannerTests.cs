using Pannus.Applying;
using Pannus.Core;
using Pannus.Journal;
using Pannus.Planning;
using Pannus.Symbols;
using Pannus.Tests.Support;
using Pannus.Tests.Symbols;

namespace Pannus.Tests.Planning;

/// <summary>What J, V and P would write, and what they refuse. Nothing is written.</summary>
public sealed class WritePlannerTests : IDisposable
{
    private static readonly string s_program = Gcc.Compile($$"""
        #include <stdio.h>
        #include <unistd.h>
        #include <sys/mman.h>
        int number = 0x01020304;
        char text[12] = "hello";
        long *pointer = (long *)0x1122334455667788;
        void *pointers[3];
        const int constant = 5;
        __thread int per_thread = 3;
        int *shared;
        __attribute__((noinline)) int function(int a) { return a * 3 + number; }
        int main(void)
        {
            shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
            per_thread = function(per_thread);
            {{SleepingProgram.Sleep}}
        }
        """, "-O1", "variables");

    private readonly SleepingProgram _running = new(s_program);

    public void Dispose() => _running.Dispose();

    [Theory]
    [InlineData(1L << 20)]
    [InlineData(-(1L << 20))]
    [InlineData(int.MaxValue)]
    [InlineData(int.MinValue)]
    public void J_is_a_jump_that_arrives(long displacement)
    {
        ResolvedSymbol function = Resolve("function");
        ulong destination = function.Address + 5 + (ulong)displacement;
        PlannedWrite write = Assert.Single(Planner.Jump(function, destination, "plug"));
        Assert.Equal((function.Address, "function", "plug", PlannedWriteKind.Jump),
            (write.Address, write.Symbol, write.Destination, write.Kind));
        Assert.Equal("e9" + Convert.ToHexStringLower(BitConverter.GetBytes((int)displacement)), write.NewBytes);
        Assert.Equal(Memory(function.Address, 5), write.OldBytes);
        // A thread at the first byte will find the jump; one in the middle of it would not.
        Assert.Equal(new AddressRange(function.Address + 1, 4), write.Guarded);
    }

    [Theory]
    [InlineData(1L << 31)]
    [InlineData(-(1L << 31) - 1)]
    [InlineData(1L << 40)]
    public void J_out_of_reach_is_refused(long displacement)
    {
        ResolvedSymbol function = Resolve("function");
        AssertRefused(PatchErrorId.NoAddressSpace, "2 GiB", () =>
            Planner.Jump(function, function.Address + 5 + (ulong)displacement, "plug"));
    }

    [Fact]
    public void V_writes_as_many_bytes_as_it_is_given()
    {
        foreach (byte[] data in (byte[][])[[1], [1, 2, 3, 4]])
        {
            PlannedWrite write = Planner.Variable(Resolve("number"), data);
            Assert.Equal((Resolve("number").Address, Convert.ToHexStringLower(data)), (write.Address, write.NewBytes));
            Assert.Equal("04030201"[..(2 * data.Length)], write.OldBytes);
            Assert.Equal(0ul, write.Guarded.Length);
        }
        Assert.Equal("05000000", Planner.Variable(Resolve("constant"), [0, 0, 0, 0]).OldBytes);
        Assert.Equal(Resolve("text").Address + 4, Planner.Variable(Resolve("text+4"), new byte[8]).Address);
    }

    [Theory]
    [InlineData("number", 5)]
    [InlineData("text", 13)]
    [InlineData("text+4", 9)]
    [InlineData("number", 1000)]
    public void V_that_is_too_long_is_refused(string name, int length) =>
        AssertRefused(PatchErrorId.SymbolSizeMismatch, $"would write {length}", () =>
            Planner.Variable(Resolve(name), new byte[length]));

    [Fact]
    public void P_writes_an_address()
    {
        PlannedWrite write = Planner.Pointer(Resolve("pointer"), 0x7fff_1234_5678, "plug");
        Assert.Equal(("8877665544332211", "78563412ff7f0000"), (write.OldBytes, write.NewBytes));
        Assert.Equal(Resolve("pointers").Address + 16, Planner.Pointer(Resolve("pointers+16"), 1, "plug").Address);
    }

    [Theory]
    [InlineData("number", "has 4 bytes")]
    [InlineData("text", "has 12 bytes")]
    [InlineData("pointers+4", "has 20 bytes")]
    public void P_of_what_has_not_the_size_of_a_pointer_is_refused(string name, string why) =>
        AssertRefused(PatchErrorId.SymbolSizeMismatch, why, () => Planner.Pointer(Resolve(name), 1, "plug"));

    [Fact]
    public void A_command_of_the_wrong_kind_is_refused()
    {
        AssertRefused(PatchErrorId.CommandInvalid, "not a function", () => Planner.Jump(Resolve("number"), 1, "plug"));
        AssertRefused(PatchErrorId.CommandInvalid, "not a variable", () => Planner.Variable(Resolve("function"), [1]));
        AssertRefused(PatchErrorId.CommandInvalid, "not a pointer", () =>
            Planner.Pointer(Resolve("function"), 1, "plug"));
        AssertRefused(PatchErrorId.CommandInvalid, "thread-local", () => Planner.Variable(Resolve("per_thread"), [1]));
        AssertRefused(PatchErrorId.CommandInvalid, "no bytes", () => Planner.Variable(Resolve("number"), []));
        AssertRefused(PatchErrorId.CommandInvalid, "no bytes", () => Planner.Memory(Resolve("number").Address, []));
    }

    [Fact]
    public void An_address_without_memory_or_with_shared_memory_is_refused()
    {
        ulong shared = BitConverter.ToUInt64(Convert.FromHexString(Memory(Resolve("shared").Address, 8)));
        AssertRefused(PatchErrorId.MemoryInaccessible, "shared", () => Planner.Memory(shared, [1]));
        AssertRefused(PatchErrorId.MemoryInaccessible, "0x10", () => Planner.Memory(0x10, [1]));
        AssertRefused(PatchErrorId.MemoryInaccessible, "", () => Planner.Memory(ulong.MaxValue, [1, 2]));
        AssertRefused(PatchErrorId.MemoryInaccessible, "map file", () =>
            Planner.Jump(Resolve("function") with { Address = 0x1000 }, 0x2000, "plug"));
        // The last mapped bytes, and one more.
        ulong end = _running.Target.Map.Find(_running.Target.Executable.End - 1)!.Value.End;
        Assert.Equal(2, Planner.Memory(end - 2, [1, 2]).New.Length);
    }

    [Fact]
    public void A_symbol_of_another_process_is_refused()
    {
        using var other = new SleepingProgram(s_program);
        ResolvedSymbol foreign = new SymbolResolver(other.Target).Resolve("number");
        AssertRefused(PatchErrorId.TargetReplaced, "another process", () => Planner.Variable(foreign, [1]));
        AssertRefused(PatchErrorId.TargetReplaced, "another process", () =>
            Planner.Variable(Resolve("number") with { StartTicks = 1 }, [1]));
    }

    [Fact]
    public void Two_writes_over_the_same_bytes_are_refused()
    {
        PlannedWrite whole = Planner.Variable(Resolve("text"), new byte[12]),
            part = Planner.Variable(Resolve("text+8"), [1]);
        AssertRefused(PatchErrorId.CommandInvalid, "same bytes", () => new WriteSet(_running.Target, [whole, part]));
        Assert.False(new WriteSet(_running.Target, [Planner.Variable(Resolve("text"), [1, 2, 3, 4, 5, 6, 7, 8]), part]).IsEmpty);
        Assert.True(new WriteSet(_running.Target, [Planner.Variable(Resolve("number"), [4, 3, 2, 1])]).IsEmpty);
    }

    private WritePlanner Planner => new(_running.Target);

    private ResolvedSymbol Resolve(string name) => new SymbolResolver(_running.Target).Resolve(name);

    private string Memory(ulong address, int length)
    {
        byte[] bytes = new byte[length];
        Assert.Equal(length, _running.Target.Memory.Read(address, bytes));
        return Convert.ToHexStringLower(bytes);
    }

    private static void AssertRefused(PatchErrorId id, string why, Func<object> plan)
    {
        PatchException error = Assert.Throws<PatchException>(plan);
        Assert.True(error.Id == id, error.ToString());
        Assert.Contains(why, error.Message);
    }
}
