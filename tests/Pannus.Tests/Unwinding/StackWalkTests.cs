using System.Globalization;
using Iced.Intel;
using Pannus.Backends;
using Pannus.Holding;
using Pannus.Linux;
using Pannus.Machines;
using Pannus.Symbols;
using Pannus.Targets;
using Pannus.Tests.Support;
using Pannus.Unwinding;

namespace Pannus.Tests.Unwinding;

/// <summary>Stacks of real processes, compared with what gdb makes of them, and with the calls that were made.</summary>
public sealed class StackWalkTests
{
    [Theory]
    [InlineData("sleep", "-O2")]
    [InlineData("sleep", "-O0")]
    [InlineData("callback", "-O2 -fno-omit-frame-pointer")]
    [InlineData("interrupted", "-O2")]
    [InlineData("handler", "-O0")]
    [InlineData("recursion", "-O2")]
    [InlineData("expression", "-O2")]
    [InlineData("realigned", "-O2")]
    [InlineData("noreturn", "-O2")]
    [InlineData("callback", "-O2 -m32")]
    [InlineData("interrupted", "-O2 -m32")]
    [InlineData("realigned", "-O0 -m32")]
    public void Every_frame_is_as_gdb_has_it(string way, string flags)
    {
        using TargetProgram program = TargetProgram.Start(Built.Target("active", "CFLAGS=" + flags, "PROGRAMS=active", "PATCHES="), way);
        _ = program.WaitFor(l => l.StartsWith("ready", StringComparison.Ordinal));
        program.Say("enter");
        _ = program.WaitFor("inside");
        Thread.Sleep(50);
        string script = Path.Combine(Path.GetTempPath(), $"pannus-frames-{program.Id}.py");
        File.WriteAllText(script, """
            import gdb
            for thread in gdb.selected_inferior().threads():
                thread.switch()
                pcs, frame = [], gdb.newest_frame()
                while frame and len(pcs) < 64:
                    if frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME): pcs.append('%x' % frame.pc())
                    frame = frame.older()
                print('FRAMES', thread.ptid[1], ' '.join(pcs))
            """);
        string output = Gcc.Run("gdb", $"-nx -batch -p {program.Id} -iex \"set debuginfod enabled off\" -ex \"set backtrace past-main on\" "
            + $"-ex \"set backtrace past-entry on\" -x {script}");
        File.Delete(script);
        Dictionary<int, string> expected = output.Split('\n').Where(l => l.StartsWith("FRAMES", StringComparison.Ordinal))
            .ToDictionary(l => int.Parse(l.Split(' ')[1], CultureInfo.InvariantCulture), l => string.Join(' ', l.Split(' ')[2..]));
        Assert.Equal(2, expected.Count);
        foreach ((int id, string frames) in Walk(program)) Assert.Equal(expected[id], frames);
    }

    [Fact]
    public void At_every_instruction_the_callers_are_those_that_have_called()
    {
        // A lazily bound program: PLT entries, the dynamic linker's trampoline and look-ups, the C library, the vdso.
        string path = Gcc.Compile("""
            #include <stdio.h>
            #include <stdlib.h>
            #include <string.h>
            #include <time.h>
            #include <unistd.h>
            static int compare(const void *a, const void *b) { return *(const char *)a - *(const char *)b; }
            int main(void)
            {
                char text[200];
                printf("%d\n", getpid());
                fflush(stdout);
                getchar();
                for (;;) {
                    struct timespec now;
                    clock_gettime(CLOCK_MONOTONIC, &now);
                    snprintf(text, sizeof text, "%f %s %ld", now.tv_nsec / 3.0, "text", (long)now.tv_sec);
                    qsort(text, strlen(text), 1, compare);
                    free(strdup(text));
                    strtod("1.25e3", NULL);
                }
            }
            """, "-O2 -Wl,-z,lazy", "stepped");
        using TargetProgram program = TargetProgram.Start(path);
        _ = program.NextLine();
        using TargetProcess target = TargetProcess.Open(program.Id);
        TargetUnwinder unwinder = TargetUnwinder.Prepare(target);
        int calls = 0, plt = 0;
        TracerThread.Run("test-tracer", target, () =>
        {
            Assert.Equal(0, Ptrace.Seize(program.Id, 0));
            Assert.Equal(0, Ptrace.Interrupt(program.Id));
            Assert.Equal(program.Id, WaitStatus.Wait(program.Id, 0, out _));
            program.Say("");
            Thread.Sleep(20);
            ulong[] before = [];
            Instruction last = default;
            for (int step = 0; step < 30_000; step++)
            {
                Assert.Equal(0, Ptrace.GetRegisters(program.Id, out X64Registers registers));
                ulong[] callers = Callers(unwinder, target, registers);
                ulong[] expected = last.FlowControl switch
                {
                    FlowControl.Call or FlowControl.IndirectCall when last.Mnemonic == Mnemonic.Call => [last.NextIP, .. before],
                    FlowControl.Return => before[1..],
                    _ => before,
                };
                if (step > 0 && !expected.SequenceEqual(callers))
                {
                    Assert.Fail($"step {step}, at {SymbolAt.Describe(target, registers.Rip)}, after {last}: "
                        + string.Join(", ", callers.Select(c => SymbolAt.Describe(target, c))));
                }
                (before, last) = (callers, Decode(target, registers.Rip));
                calls += last.FlowControl is FlowControl.Call or FlowControl.IndirectCall ? 1 : 0;
                plt += last.FlowControl == FlowControl.IndirectBranch && target.Executable.Start <= last.IP && last.IP < target.Executable.End ? 1 : 0;
                const int singleStep = 9;
                Assert.Equal(0, Syscall.Call(Syscall.Ptrace, singleStep, program.Id));
                Assert.Equal(program.Id, WaitStatus.Wait(program.Id, 0, out WaitStatus status));
                Assert.True(status.IsStopped);
            }
        });
        Assert.True(calls > 200, $"{calls} calls");
        Assert.True(plt > 5, $"{plt} jumps through the PLT");
    }

    private static List<(int Id, string Frames)> Walk(TargetProgram program)
    {
        List<(int, string)> all = [];
        using TargetProcess target = TargetProcess.Open(program.Id);
        TargetUnwinder unwinder = TargetUnwinder.Prepare(target);
        using LiveMap map = LiveMap.Open(target);
        var search = new StackSearch(unwinder, map, new CodeRanges([], [], target.Memory), target.Memory);
        BackendSelector.Select(BackendKind.Auto).WhileHeld(target, TimeSpan.FromSeconds(3), leaveSleepers: false, held =>
        {
            for (int i = 0; i < held.ThreadCount; i++)
            {
                held.GetRegisters(i, out FrameRegisters registers);
                Assert.Equal(SearchResult.Clear, search.Run(registers));
                // A call that is executed again begins at its instruction; gdb shows the one behind it.
                ulong[] addresses = [.. search.Frames.ToArray().Select(f => f.Address)];
                if (held.GetThread(i).InSyscall && addresses[0] != Raw(held, i)) addresses[0] = Raw(held, i);
                all.Add((held.GetThread(i).Id, string.Join(' ', addresses.Select(a => a.ToString("x", CultureInfo.InvariantCulture)))));
            }
        });
        return all;
    }

    // Behind the syscall instruction (two bytes on both machines) when that is what the program counter shows.
    private static ulong Raw(HeldProcess held, int index)
    {
        ulong at = held.GetThread(index).ProgramCounter;
        Span<byte> code = stackalloc byte[2];
        return held.Read(at, code) == 2 && (code.SequenceEqual<byte>([0x0f, 0x05]) || code.SequenceEqual<byte>([0xcd, 0x80])) ? at + 2 : at;
    }

    private static ulong[] Callers(TargetUnwinder unwinder, TargetProcess target, in X64Registers raw)
    {
        List<ulong> callers = [];
        FrameRegisters registers = FrameRegisters.From(raw);
        var window = new StackWindow(target.Memory, unwinder.Machine);
        bool isExact = true;
        while (true)
        {
            StepResult result = unwinder.Step(ref registers, ref isExact, window);
            if (result == StepResult.Outermost) return [.. callers];
            if (result == StepResult.Lost) return [.. callers, 0];
            callers.Add(registers[unwinder.Machine.ProgramCounter]);
        }
    }

    private static Instruction Decode(TargetProcess target, ulong address)
    {
        byte[] code = new byte[15];
        int read = target.Memory.Read(address, code);
        var decoder = Iced.Intel.Decoder.Create(64, new ByteArrayCodeReader(code, 0, read));
        decoder.IP = address;
        return decoder.Decode();
    }
}
