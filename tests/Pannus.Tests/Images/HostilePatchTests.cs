using System.Diagnostics;
using Pannus.Core;

namespace Pannus.Tests.Images;

/// <summary>Files that no compiler makes: each is read, or refused with an error that says so; nothing else ever
/// happens.</summary>
public class HostilePatchTests
{
    private const int Mutations = 3000;
    private const long MostMemory = 5L << 28; // The largest image and a copy of it, and a quarter of a GiB.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(2);

    private static readonly PatchErrorId[] s_expected = [PatchErrorId.PatchFileInvalid,
        PatchErrorId.ArchitectureMismatch,
        PatchErrorId.RelocationUnsupported, PatchErrorId.ConstructorUnsupported];

    [Theory]
    [InlineData("patch.so")]
    [InlineData("patch.o")]
    public void Refuses_a_file_cut_anywhere(string name)
    {
        byte[] whole = File.ReadAllBytes(name == "patch.so" ? Patches.SharedObject : Patches.Object);
        Assert.Null(TryLoad(whole, "whole"));
        for (int length = 0; length < whole.Length; length += 97)
        {
            PatchException? error = TryLoad(whole[..length], $"cut at {length}");
            Assert.True(error is { Id: PatchErrorId.PatchFileInvalid }, $"cut at {length}: {error}");
        }
    }

    [Theory]
    [InlineData("patch.so")]
    [InlineData("patch.o")]
    public void Survives_random_damage(string name)
    {
        byte[] whole = File.ReadAllBytes(name == "patch.so" ? Patches.SharedObject : Patches.Object);
        var random = new Random(20040614);
        int refused = 0;
        for (int i = 0; i < Mutations; i++)
        {
            byte[] damaged = [.. whole];
            for (int count = random.Next(1, 9); count > 0; count--) Damage(damaged, random);
            PatchException? error = TryLoad(damaged, $"mutation {i}");
            if (error is null) continue;
            Assert.True(s_expected.Contains(error.Id), $"mutation {i}: {error}");
            refused++;
        }
        // Otherwise the damage would never have reached what is checked.
        Assert.InRange(refused, Mutations / 10, Mutations - 1);
    }

    // Half of it where it hurts: in the headers at both ends of the file. Small and huge values find other errors than
    // noise.
    private static void Damage(byte[] bytes, Random random)
    {
        int at = random.Next(4) switch
        {
            0 => random.Next(16, Math.Min(600, bytes.Length)),
            1 => bytes.Length - 1 - random.Next(Math.Min(2000, bytes.Length)),
            _ => random.Next(bytes.Length),
        };
        int width = Math.Min(1 << random.Next(4), bytes.Length - at);
        byte fill = random.Next(4) switch { 0 => 0, 1 => 0xff, 2 => 0x7f, _ => (byte)random.Next(256) };
        bytes.AsSpan(at, width).Fill(fill);
    }

    private static PatchException? TryLoad(byte[] bytes, string what)
    {
        var clock = Stopwatch.StartNew();
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            Patches.LoadBytes(bytes);
            return null;
        }
        catch (PatchException e)
        {
            return e;
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"{what}: {e.Message}", e);
        }
        finally
        {
            Assert.True(clock.Elapsed < s_patience, $"{what} took {clock.Elapsed}");
            Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < MostMemory, $"{what} took too much memory");
        }
    }
}
