using Microsoft.Win32.SafeHandles;

namespace Pannus.Interop;

/// <summary>Opens files that somebody named, which may turn out to be a FIFO without a writer or a device.</summary>
internal static unsafe class RegularFile
{
    private const long FstatNumber = 5;
    private const int StatSize = 144, ModeOffset = 24; // struct stat of x86-64 (asm/stat.h).
    private const uint TypeMask = 0xf000, Regular = 0x8000; // S_IFMT, S_IFREG

    /// <summary>
    /// Opens a file for reading. Errors: <see cref="PatchErrorId.PatchFileNotFound"/>, and
    /// <see cref="PatchErrorId.PatchFileInvalid"/> for what is no regular file, or has more than
    /// <paramref name="largest"/> bytes.
    /// </summary>
    public static FileStream Open(string path, string name, long largest)
    {
        // O_NONBLOCK: opening a FIFO would otherwise wait for a writer.
        int descriptor = Syscall.Open(path, Syscall.ORdonly | Syscall.ONonblock);
        if (descriptor < 0)
            throw new PatchException(PatchErrorId.PatchFileNotFound, $"{name}: {Errno.Text(-descriptor)}.");
        var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        byte* stat = stackalloc byte[StatSize];
        bool isRegular = Syscall.Call(FstatNumber, descriptor, (long)stat) == 0
            && (*(uint*)(stat + ModeOffset) & TypeMask) == Regular;
        if (isRegular && RandomAccess.GetLength(handle) <= largest)
            return new FileStream(handle, FileAccess.Read, bufferSize: 1);
        handle.Dispose();
        throw new PatchException(PatchErrorId.PatchFileInvalid,
            isRegular ? $"{name}: larger than {largest >> 20} MiB." : $"{name}: not a regular file.");
    }
}
