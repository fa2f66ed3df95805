using Microsoft.Win32.SafeHandles;
using Pannus.Core;

namespace Pannus.Linux;

/// <summary>Opens files that somebody named, which may turn out to be a FIFO without a writer or a device.</summary>
internal static class RegularFile
{
    /// <summary>
    /// Opens a file for reading. Errors: <see cref="PatchErrorId.PatchFileNotFound"/>, and
    /// <see cref="PatchErrorId.PatchFileInvalid"/> for what is no regular file, or has more than
    /// <paramref name="largest"/> bytes.
    /// </summary>
    public static FileStream Open(string path, string name, long largest) =>
        new(OpenHandle(path, name, largest, out _), FileAccess.Read, bufferSize: 1);

    /// <summary>As <see cref="Open"/>, and tells which file it is.</summary>
    public static SafeFileHandle OpenHandle(string path, string name, long largest, out FileIdentity identity)
    {
        // Looked at first: to open a device may do something, and a target may have one mounted where a library should be.
        int place = Syscall.Open(path, Syscall.OPath);
        int descriptor = place;
        try
        {
            bool isRegular = place >= 0 && FileIdentity.Of(place) is not null;
            if (place >= 0 && !isRegular) throw new PatchException(PatchErrorId.PatchFileInvalid, $"{name}: not a regular file.");
            // O_NONBLOCK: to open a FIFO would otherwise wait for a writer, and a file with a lease for its holder.
            if (place >= 0) descriptor = Syscall.Open($"/proc/self/fd/{place}", Syscall.ORdonly | Syscall.ONonblock | Syscall.ONoctty);
        }
        finally
        {
            if (place >= 0) _ = Syscall.Call(Syscall.Close, place);
        }
        if (descriptor < 0)
            throw new PatchException(PatchErrorId.PatchFileNotFound, $"{name}: {Errno.Text(-descriptor)}.");
        var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        FileIdentity? found = FileIdentity.Of(descriptor);
        identity = found.GetValueOrDefault();
        if (found is not null && identity.Size <= largest) return handle;
        handle.Dispose();
        throw new PatchException(PatchErrorId.PatchFileInvalid,
            found is not null ? $"{name}: larger than {largest >> 20} MiB." : $"{name}: not a regular file.");
    }
}
