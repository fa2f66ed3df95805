using System.Security.Cryptography;
using Pannus.Core;
using Pannus.Elf;
using Pannus.Linux;
using Pannus.Machines;
using Pannus.Targets;

namespace Pannus.Images;

/// <summary>A patch file: an ELF shared library (ET_DYN) or object (ET_REL) for x86-64 or IA-32, read whole and checked.</summary>
public sealed class PatchFile : IDisposable
{
    private const long LargestFile = 512L << 20;

    private PatchFile(string path, string sha256, ElfImage image, TargetArchitecture architecture)
    {
        Architecture = architecture;
        Path = path;
        Sha256 = sha256;
        Image = image;
    }

    /// <summary>Full path.</summary>
    public string Path { get; }

    /// <summary>Name without directory.</summary>
    public string FileName => System.IO.Path.GetFileName(Path);

    /// <summary>SHA-256 of the contents, lower-case hex.</summary>
    public string Sha256 { get; }

    /// <summary>The contents as ELF.</summary>
    internal ElfImage Image { get; }

    /// <summary>What it is for.</summary>
    internal TargetArchitecture Architecture { get; }

    /// <summary>
    /// Reads a patch file. Errors: <see cref="PatchErrorId.PatchFileNotFound"/>, <see cref="PatchErrorId.PatchFileInvalid"/>,
    /// <see cref="PatchErrorId.ArchitectureMismatch"/>.
    /// </summary>
    public static PatchFile Open(string path)
    {
        string full = System.IO.Path.GetFullPath(path);
        return FromBytes(ReadAll(full), full);
    }

    /// <summary>As <see cref="Open"/>, of a file that was read already.</summary>
    internal static PatchFile FromBytes(byte[] data, string path)
    {
        ElfImage image = ElfImage.FromBytes(data, path);
        try
        {
            TargetArchitecture architecture = Check(image, path);
            return new PatchFile(path, Convert.ToHexString(SHA256.HashData(data)).ToLowerInvariant(), image, architecture);
        }
        catch
        {
            image.Dispose();
            throw;
        }
    }

    /// <summary>Refuses a target of another architecture with <see cref="PatchErrorId.ArchitectureMismatch"/>.</summary>
    internal void CheckIsFor(TargetProcess target)
    {
        TargetArchitecture wanted = target.Architecture;
        if (Architecture == wanted) return;
        throw new PatchException(PatchErrorId.ArchitectureMismatch,
            $"{Path} is for {Architecture.DisplayName}, and {target.DisplayName} is a program for {wanted.DisplayName}. Compile the "
            + $"patch with {wanted.CompilerOption}.");
    }

    /// <inheritdoc/>
    public void Dispose() => Image.Dispose();

    // Read and not mapped: what is checked and hashed is then what is loaded, whatever happens to the file meanwhile.
    private static byte[] ReadAll(string path)
    {
        using FileStream file = RegularFile.Open(path, path, LargestFile);
        try
        {
            byte[] data = new byte[file.Length];
            int read = file.ReadAtLeast(data, data.Length, throwOnEndOfStream: false);
            return read == data.Length ? data : data[..read];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new PatchException(PatchErrorId.PatchFileInvalid, $"{path}: cannot be read ({e.Message}).", e);
        }
    }

    private static TargetArchitecture Check(ElfImage image, string path)
    {
        TargetArchitecture architecture = TargetArchitecture.Of(image) ?? throw new PatchException(PatchErrorId.ArchitectureMismatch,
            $"{path} is for {TargetArchitecture.Describe(image)}. Compile the patch for the target's architecture.");
        if (image.Type is not (ElfType.Dyn or ElfType.Rel))
        {
            throw new PatchException(PatchErrorId.PatchFileInvalid,
                $"{path}: an ELF file of type {image.Type}, and a patch is a shared library or an object. Compile it with -shared -fPIC.");
        }
        return architecture;
    }
}
