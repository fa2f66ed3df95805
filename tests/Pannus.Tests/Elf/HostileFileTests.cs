using Pannus.Core;
using Pannus.Elf;
using Pannus.Tests.Support;

namespace Pannus.Tests.Elf;

/// <summary>Files that are none, or that somebody changes, are refused and keep nobody waiting.</summary>
public sealed class HostileFileTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("pannus-file").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void What_is_no_regular_file_is_not_even_opened()
    {
        string fifo = Path.Combine(_directory, "fifo");
        _ = Built.Run("mkfifo", fifo);
        foreach (string path in (string[])[fifo, "/dev/zero", "/dev/ptmx", _directory, "/proc/self/fd"])
        {
            PatchException error = Assert.Throws<PatchException>(() => ElfImage.OpenFile(path));
            Assert.Equal(PatchErrorId.PatchFileInvalid, error.Id);
            Assert.Contains("not a regular file", error.Message);
        }
        Assert.Equal(PatchErrorId.PatchFileNotFound,
            Assert.Throws<PatchException>(() => ElfImage.OpenFile(Path.Combine(_directory, "none"))).Id);
    }

    [Fact]
    public void A_file_that_shrinks_or_changes_after_it_was_opened_is_refused_and_not_mixed()
    {
        string file = Path.Combine(_directory, "library.so");
        byte[] content = File.ReadAllBytes("/proc/self/exe");
        // Large enough that its end is not read with its beginning.
        File.WriteAllBytes(file, [.. content, .. new byte[4 << 20]]);
        using ElfBytes shrunk = ElfBytes.Open(file, file);
        _ = shrunk.Slice(0, 64, "a header");
        using (FileStream stream = File.OpenWrite(file)) stream.SetLength(4096);
        PatchException error = Assert.Throws<PatchException>(() => shrunk.Slice(shrunk.Length - 64, 64, "the end").ToArray());
        Assert.Equal(PatchErrorId.PatchFileInvalid, error.Id);
        Assert.Contains("has become shorter", error.Message);
        // What was read stays.
        Assert.Equal("\u007fELF"u8, shrunk.Slice(0, 4, "a header"));

        File.WriteAllBytes(file, [.. content, .. new byte[4 << 20]]);
        using ElfBytes changed = ElfBytes.Open(file, file);
        _ = changed.Slice(0, 64, "a header");
        Thread.Sleep(20);
        using (FileStream stream = File.OpenWrite(file)) stream.Write(new byte[64]);
        Assert.Contains("has changed", Assert.Throws<PatchException>(() => changed.Slice(changed.Length - 64, 64, "the end").ToArray()).Message);
    }

    [Fact]
    public void A_file_with_holes_of_any_size_takes_no_more_memory_than_is_sensible()
    {
        string file = Path.Combine(_directory, "sparse.so");
        File.WriteAllBytes(file, File.ReadAllBytes(Gcc.Compile("int f(void) { return 1; }", "-shared -fPIC", "sparse.so")));
        using (FileStream stream = File.OpenWrite(file)) stream.SetLength(40L << 30);
        using ElfBytes bytes = ElfBytes.Open(file, file);
        Assert.Equal(40ul << 30, bytes.Length);
        PatchException? error = null;
        for (ulong at = 0; at < 4ul << 30 && error is null; at += 256 << 20)
        {
            try
            {
                _ = bytes.Slice(at, 256 << 20, "a table");
            }
            catch (PatchException e)
            {
                error = e;
            }
        }
        Assert.Contains("more than 1 GiB", error!.Message);
        using (FileStream stream = File.OpenWrite(file)) stream.SetLength(100L << 30);
        Assert.Contains("larger than", Assert.Throws<PatchException>(() => ElfBytes.Open(file, file)).Message);
    }
}
