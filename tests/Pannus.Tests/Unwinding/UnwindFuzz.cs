using System.Buffers.Binary;
using System.Diagnostics;
using Pannus.Core;
using Pannus.Elf;
using Pannus.Machines;
using Pannus.Tests.Support;
using Pannus.Unwinding;

namespace Pannus.Tests.Unwinding;

/// <summary>
/// Unwinds by tables of real programs that were damaged at random: no exception, no hang, no great amount of memory. The
/// damage is in the sections that are read, in program headers, and now and then anywhere.
/// </summary>
internal static class UnwindFuzz
{
    private const int MostSteps = 50;
    private const long MostMemory = 4 << 20;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    /// <summary>Tries some inputs; throws for the first that is handled badly, and says how many of what came out.</summary>
    public static string Run(int iterations, int seed)
    {
        byte[][] files = [.. new[] { "-O2", "-O2 -m32" }.Select(f => File.ReadAllBytes(Built.Target("active", "CFLAGS=" + f, "PROGRAMS=active", "PATCHES=")))];
        int tables = 0, rows = 0, steps = 0;
        for (int i = 0; i < iterations; i++)
        {
            // Each input has a seed of its own, so that one alone can be run again.
            var random = new Random(unchecked(seed * 1_000_003 + i));
            byte[] bytes = [.. files[random.Next(files.Length)]];
            Damage(bytes, random);
            long start = Stopwatch.GetTimestamp(), memory = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                Try(bytes, random, ref tables, ref rows, ref steps);
            }
            catch (PatchException e) when (e.Id == PatchErrorId.PatchFileInvalid)
            {
                // The file is no longer one of ELF.
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"input {i} of seed {seed}: {e}", e);
            }
            long taken = GC.GetAllocatedBytesForCurrentThread() - memory;
            if (taken > MostMemory || Stopwatch.GetElapsedTime(start) > s_patience)
                throw new InvalidOperationException($"input {i} of seed {seed}: {taken} bytes, {Stopwatch.GetElapsedTime(start)}");
        }
        return $"{iterations} inputs, {tables} tables, {rows} rows, {steps} steps";
    }

    private static void Damage(byte[] bytes, Random random)
    {
        int start = 0, length = bytes.Length;
        if (random.Next(8) != 0)
        {
            using ElfImage image = ElfImage.FromBytes(bytes, "whole");
            SectionHeader section = image.FindSection(random.Next(3) == 0 ? ".eh_frame_hdr" : ".eh_frame")!;
            (start, length) = ((int)section.Offset, (int)section.Size);
            // Without section headers the end of .eh_frame is not known.
            if (random.Next(4) == 0) bytes.AsSpan(image.Class == ElfClass.Elf64 ? 40 : 32, 4).Clear();
        }
        for (int count = random.Next(1, 20); count > 0; count--)
        {
            int at = start + random.Next(length - 4);
            switch (random.Next(4))
            {
                case 0: bytes[at] = (byte)random.Next(256); break;
                case 1: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 2: BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(at), random.Next(2) == 0 ? uint.MaxValue : (uint)random.Next(64)); break;
                default: bytes.AsSpan(at, 4).CopyTo(bytes.AsSpan(start + random.Next(length - 4))); break;
            }
        }
    }

    private static void Try(byte[] bytes, Random random, ref int tables, ref int rows, ref int steps)
    {
        using ElfImage image = ElfImage.FromBytes(bytes, "damaged");
        UnwindMachine machine = image.Class == ElfClass.Elf64 ? UnwindMachine.X64 : UnwindMachine.I386;
        if (UnwindTable.Read(image, machine) is not { } table) return;
        tables++;
        var memory = new Noise(image, random.Next());
        var unwinder = new TargetUnwinder(machine, [new TargetUnwinder.Part(0, 1 << 20, 0, table)]);
        var window = new StackWindow(memory, machine);
        for (int i = 0; i < 20; i++)
        {
            FrameRow row = default;
            if (table.TryFindRow((ulong)random.Next(0x6000), ref row)) rows++;
            FrameRegisters registers = new(machine);
            for (int r = 0; r < machine.Registers; r++) registers.Set(r, (ulong)random.NextInt64());
            registers.Set(machine.ProgramCounter, (ulong)random.Next(0x6000));
            unwinder.Begin();
            bool isExact = random.Next(2) == 0;
            for (int step = 0; step < MostSteps && unwinder.Step(ref registers, ref isExact, window) == StepResult.Stepped; step++) steps++;
        }
    }

    // The file where it lies, and around it words that are small or addresses in it.
    private sealed class Noise(ElfImage image, int seed) : IMemoryReader
    {
        public int Read(ulong address, Span<byte> buffer)
        {
            if (image.TryReadVirtual(address, buffer)) return buffer.Length;
            new Random(unchecked(seed + (int)address)).NextBytes(buffer);
            for (int i = 2; i < buffer.Length; i += 8) buffer[i..Math.Min(i + 6, buffer.Length)].Clear();
            return buffer.Length;
        }
    }
}
