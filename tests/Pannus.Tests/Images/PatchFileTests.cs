using System.Diagnostics;
using System.Security.Cryptography;
using Pannus.Core;
using Pannus.Elf;
using Pannus.Images;
using Pannus.Tests.Support;

namespace Pannus.Tests.Images;

public sealed class PatchFileTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("pannus-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Opens_a_library_and_an_object()
    {
        foreach (string path in (string[])[Patches.SharedObject, Patches.Object])
        {
            using PatchFile patch = PatchFile.Open(path);
            Assert.Equal((path, Path.GetFileName(path)), (patch.Path, patch.FileName));
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path))), patch.Sha256);
        }
    }

    [Fact]
    public void What_was_opened_stays_what_it_was_when_the_file_changes()
    {
        string path = Path.Combine(_directory, "patch.so");
        File.Copy(Patches.SharedObject, path);
        using PatchFile patch = PatchFile.Open(path);
        File.WriteAllBytes(path, new byte[10]);
        Assert.Contains("plug", PatchImageReader.Read(patch).Defined.Keys);
    }

    [Fact]
    public void Refuses_a_file_that_is_not_there() =>
        AssertRefused(Path.Combine(_directory, "none.so"), PatchErrorId.PatchFileNotFound);

    [Fact]
    public void Refuses_a_directory() => AssertRefused(_directory, PatchErrorId.PatchFileInvalid);

    [Fact]
    public void Refuses_an_empty_file() => AssertRefused(Written([]), PatchErrorId.PatchFileInvalid);

    [Fact]
    public void Refuses_a_text_file() => AssertRefused(Written("J a b\n"u8.ToArray()), PatchErrorId.PatchFileInvalid);

    [Theory]
    [InlineData("-no-pie")]
    [InlineData("-pie -fPIE")]
    public void Refuses_a_program(string arguments)
    {
        PatchException error = AssertRefused(Gcc.Compile("int main(void) { return 0; }", arguments, "program"),
            PatchErrorId.PatchFileInvalid);
        Assert.Contains("-shared", error.Message);
    }

    [Fact]
    public void Refuses_a_program_that_is_its_own_dynamic_linker() =>
        AssertRefused(Gcc.Compile("void _start(void) { for (;;); }", "-static-pie -nostdlib -fPIE", "program"),
            PatchErrorId.PatchFileInvalid);

    [Theory]
    [InlineData("-mx32", (int)ElfMachine.X86_64, "x32")]
    [InlineData("-m64", (int)ElfMachine.I386, "ELF machine 3")]
    [InlineData("-m64", 183, "ELF machine 183")] // AArch64
    public void Refuses_a_library_for_another_machine_by_name(string option, int machine, string name)
    {
        byte[] bytes = File.ReadAllBytes(Gcc.Compile("int f(void) { return 1; }", option + " -shared -fPIC -nostdlib", "lib.so"));
        bytes[18] = (byte)machine;
        PatchException error = Patches.Refused(bytes);
        Assert.Equal(PatchErrorId.ArchitectureMismatch, error.Id);
        Assert.Contains($"is for {name}", error.Message);
    }

    [Fact]
    public void Refuses_a_FIFO_and_devices_without_waiting()
    {
        string fifo = Path.Combine(_directory, "fifo");
        Gcc.Run("mkfifo", fifo);
        var clock = Stopwatch.StartNew();
        AssertRefused(fifo, PatchErrorId.PatchFileInvalid);
        AssertRefused("/dev/zero", PatchErrorId.PatchFileInvalid);
        AssertRefused("/dev/null", PatchErrorId.PatchFileInvalid);
        Assert.InRange(clock.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(2));
    }

    [Fact]
    public void Refuses_a_file_that_cannot_be_read()
    {
        // A mode of 000 stops nobody who is root; memory of a process at address 0 nobody can read.
        AssertRefused($"/proc/{Environment.ProcessId}/mem", PatchErrorId.PatchFileInvalid);
        string path = Written(File.ReadAllBytes(Patches.SharedObject));
        Gcc.Run("chmod", $"000 {path}");
        if (Environment.IsPrivilegedProcess) PatchFile.Open(path).Dispose();
        else AssertRefused(path, PatchErrorId.PatchFileNotFound);
    }

    [Fact]
    public void Refuses_a_file_of_many_gigabytes_at_once()
    {
        string path = Written([.. File.ReadAllBytes(Patches.SharedObject)]);
        using (FileStream stream = File.OpenWrite(path)) stream.SetLength(1L << 40);
        AssertRefused(path, PatchErrorId.PatchFileInvalid);
    }

    [Fact]
    public void Reads_what_it_is_given_by_a_link()
    {
        string link = Path.Combine(_directory, "link.so");
        File.CreateSymbolicLink(link, Patches.SharedObject);
        using PatchFile patch = PatchFile.Open(link);
        Assert.Equal(link, patch.Path);
    }

    private string Written(byte[] content)
    {
        string path = Path.Combine(_directory, "file.so");
        File.WriteAllBytes(path, content);
        return path;
    }

    private static PatchException AssertRefused(string path, PatchErrorId id)
    {
        PatchException error = Patches.Refused(path);
        Assert.True(error.Id == id, error.ToString());
        Assert.Contains(path, error.Message);
        return error;
    }
}
