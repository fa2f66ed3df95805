using Pannus.Borrowing;
using Pannus.Holding;
using Pannus.Linux;
using Pannus.Machines;
using Pannus.Symbols;
using Pannus.Targets;
using Pannus.Tests.Support;

namespace Pannus.Tests.Live;

/// <summary>A thread that was borrowed and that nobody takes back goes home by itself, and has kept everything.</summary>
public sealed class SelfHealingTests
{
    // Registers of every kind hold values while the thread spins; when it may go on it compares.
    private const string Source = """
        #include <immintrin.h>
        #include <signal.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        int go;
        float in[8][4], out[8][4];
        long double st[3];
        #ifdef __i386__
        #define REGISTERS "ebx", "ecx", "edx", "esi", "edi"
        #define SET(n) "mov $0x11110000, %%eax\n mov $0x22220000, %%ebx\n mov $0x33330000, %%ecx\n mov $0x44440000, %%edx\n" \
            "mov $0x55550000, %%esi\n mov $0x66660000, %%edi\n"
        #define CHECK "sub $0x11110000, %%eax\n sub $0x22220000, %%ebx\n sub $0x33330000, %%ecx\n sub $0x44440000, %%edx\n" \
            "sub $0x55550000, %%esi\n sub $0x66660000, %%edi\n or %%ebx, %%eax\n or %%ecx, %%eax\n or %%edx, %%eax\n" \
            "or %%esi, %%eax\n or %%edi, %%eax\n"
        #else
        #define REGISTERS "rbx", "rcx", "rdx", "rsi", "rdi", "r12", "r15"
        #define SET(n) "mov $0x11110000, %%rax\n mov $0x22220000, %%rbx\n mov $0x33330000, %%rcx\n mov $0x44440000, %%rdx\n" \
            "mov $0x55550000, %%rsi\n mov $0x66660000, %%rdi\n mov $0x12120000, %%r12\n mov $0x15150000, %%r15\n"
        #define CHECK "sub $0x11110000, %%rax\n sub $0x22220000, %%rbx\n sub $0x33330000, %%rcx\n sub $0x44440000, %%rdx\n" \
            "sub $0x55550000, %%rsi\n sub $0x66660000, %%rdi\n sub $0x12120000, %%r12\n sub $0x15150000, %%r15\n" \
            "or %%rbx, %%rax\n or %%rcx, %%rax\n or %%rdx, %%rax\n or %%rsi, %%rax\n or %%rdi, %%rax\n or %%r12, %%rax\n or %%r15, %%rax\n"
        #endif
        #define EACH(x) x(0) x(1) x(2) x(3) x(4) x(5) x(6) x(7)
        #define CLEAR(n) "xorps %%xmm" #n ", %%xmm" #n "\n"
        void *clear(void)
        {
            __asm__ volatile("fninit\n fldz\n" EACH(CLEAR) : : : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7");
            return clear;
        }
        int main(void)
        {
            unsigned long wrong;
            sigset_t before, after;
            for (int i = 0; i < 32; i++) in[i / 4][i % 4] = i + 0.5f;
            setvbuf(stdout, NULL, _IOLBF, 0);
            sigemptyset(&before);
            sigaddset(&before, SIGUSR2);
            sigprocmask(SIG_BLOCK, &before, NULL);
            puts("ready");
        #define LOAD(n) "movups " #n "*16+in, %%xmm" #n "\n"
        #define STORE(n) "movups %%xmm" #n ", " #n "*16+out\n"
            __asm__ volatile("fninit\n fldpi\n fldl2e\n fld1\n" EACH(LOAD) SET()
                "1: cmpl $0, go\n je 1b\n" CHECK EACH(STORE) "fstpt st\n fstpt st+16\n fstpt st+32\n"
                : "=a"(wrong) : : REGISTERS, "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7");
            sigprocmask(SIG_BLOCK, NULL, &after);
            long double *second = (long double *)((char *)st + 16), *third = (long double *)((char *)st + 32);
            printf("registers %lx vectors %d x87 %.3Lf %.3Lf %.3Lf mask %d %d\n", wrong, memcmp(in, out, sizeof in), *st, *second, *third,
                sigismember(&after, SIGUSR2), sigismember(&after, SIGUSR1));
        }
        """;

    [Fact]
    public void A_thread_that_does_not_stop_in_time_is_taken_at_another_try()
    {
        using TargetProgram program = TargetProgram.Start(Gcc.Compile(Source, $"{Machine.X64} -O1 -msse2 -no-pie -fno-pie", "registers"));
        _ = program.WaitFor("ready");
        using TargetProcess target = TargetProcess.Open(program.Id);
        TracerThread.Run("test", target, () =>
        {
            using var thread = new BorrowedThread();
            var placement = new TracerPlacement();
            int late = 0;
            for (int round = 0; round < 20; round++)
            {
                // Now and then it stops before the first look.
                if (!thread.TryTake(target, program.Id, TimeSpan.Zero, placement))
                {
                    late++;
                    Assert.True(thread.TryTake(target, program.Id, TimeSpan.FromSeconds(5), placement));
                }
                _ = thread.Release();
            }
            Assert.True(late > 0, "it always stopped at once");
        });
        Assert.Equal('R', program.State);
    }

    // At each stop of the way: in the stub, in the gate, with the registers of a call, after the call that opens a descriptor,
    // in the gate with it.
    public static IEnumerable<object[]> Stops =>
        from machine in (string[])[Machine.X64, Machine.IA32] from stop in Enumerable.Range(0, 6) select new object[] { machine, stop };

    [Theory]
    [MemberData(nameof(Stops))]
    public void Every_register_and_the_signal_mask_are_kept_and_no_descriptor_is(string machine, int stop)
    {
        using TargetProgram program = TargetProgram.Start(Gcc.Compile(Source, $"{machine} -O1 -msse2 -no-pie -fno-pie", "registers"));
        _ = program.WaitFor("ready");
        using TargetProcess target = TargetProcess.Open(program.Id);
        target.CheckStillThere();
        string[] descriptors = Directory.GetFileSystemEntries($"/proc/{program.Id}/fd");
        RemoteAbi abi = target.Architecture.Remote;
        var remote = new RemoteProgram(abi, [], "text");
        ulong cave = CodeCave.Find(target, abi.Stub.Length);
        byte[] kept = new byte[abi.Stub.Length];
        Assert.Equal(kept.Length, target.Memory.Read(cave, kept));
        var stack = new RemoteStack(remote, cave);
        TracerThread.Run("test", target, () =>
        {
            using var thread = new BorrowedThread();
            Assert.True(thread.TryTake(target, program.Id, TimeSpan.FromSeconds(5), new TracerPlacement()));
            stack.Place(thread);
            Assert.Equal(stack.Bytes.Length, target.WritableMemory.Write(stack.Start, stack.Bytes));
            Assert.Equal(kept.Length, target.WritableMemory.Write(cave, abi.Stub));
            Assert.True(stack.IsSeenBy(thread));
            X64Registers entered = abi.Enter(thread.Registers, cave, stack.FrameAt);
            Assert.True(thread.Enter(entered, keepsVectors: true));
            ReadOnlySpan<ulong> arguments = [stack.TextAddress, 0, 0, 0, 0, 0];
            for (int i = 1; i <= stop; i++)
            {
                if (i == 2)
                {
                    Assert.True(thread.SetRegisters(abi.Call(entered, cave, abi.MemfdCreate, arguments, -1, keepsResult: true)));
                    continue;
                }
                Assert.True(thread.RunToCall(TimeSpan.FromSeconds(5), out SyscallStop call));
                Assert.Equal(i is not (3 or 5), call.IsEntry);
                if (i == 4) Assert.Equal(abi.Close, call.Number);
                if (i == 3) Assert.Contains(Directory.GetFileSystemEntries($"/proc/{program.Id}/fd"), d => !descriptors.Contains(d));
            }
            // Here the caller dies.
        });

        Thread.Sleep(50);
        Assert.Equal(descriptors, Directory.GetFileSystemEntries($"/proc/{program.Id}/fd"));
        target.WritableMemory.Write(cave, kept);
        ulong go = new SymbolResolver(target).Resolve("go").Address;
        Assert.Equal(4, target.WritableMemory.Write(go, [1, 0, 0, 0]));
        Assert.Equal("registers 0 vectors 0 x87 1.000 1.443 3.142 mask 1 0", program.NextLine());
    }

    [Theory]
    [InlineData(Machine.X64, false)]
    [InlineData(Machine.X64, true)]
    [InlineData(Machine.IA32, false)]
    [InlineData(Machine.IA32, true)]
    public void They_are_kept_as_well_when_it_is_taken_back(string machine, bool calls)
    {
        using TargetProgram program = TargetProgram.Start(Gcc.Compile(Source, $"{machine} -O1 -msse2 -no-pie -fno-pie", "registers"));
        _ = program.WaitFor("ready");
        using TargetProcess target = TargetProcess.Open(program.Id);
        RemoteAbi abi = target.Architecture.Remote;
        var resolver = new SymbolResolver(target);
        ulong clear = resolver.Resolve("clear").Address;
        RemoteProgram remote = calls ? RemoteProgram.Call(abi, [clear, clear])
            : new RemoteProgram(abi, [new RemoteStep("close", abi.Close, RemoteStepFlags.None, 12345)], "");
        for (int round = 0; round < 5; round++)
            Assert.All(RemoteCall.Run(target, remote, TimeSpan.FromSeconds(5), default).Results, r => Assert.Equal(calls ? (long)clear : -9, r));
        Assert.Equal(4, target.WritableMemory.Write(resolver.Resolve("go").Address, [1, 0, 0, 0]));
        Assert.Equal("registers 0 vectors 0 x87 1.000 1.443 3.142 mask 1 0", program.NextLine());
    }
}
