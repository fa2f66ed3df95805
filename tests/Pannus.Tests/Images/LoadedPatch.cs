using System.Runtime.InteropServices;
using Pannus.Core;
using Pannus.Images;
using Pannus.Linux;

namespace Pannus.Tests.Images;

/// <summary>
/// A patch that is laid out and relocated by the loader and then mapped into this very process, so that its functions
/// can be called: what the processor does with the relocated bytes is the judge.
/// </summary>
internal sealed unsafe class LoadedPatch : IDisposable
{
    private const long Mprotect = 10; // asm/unistd_64.h

    private const ulong DataSize = 1 << 16;
    private const int MapPrivate = 2, MapAnonymous = 0x20, Map32Bit = 0x40;
    private readonly Dictionary<string, SymbolTarget> _given = [];
    private readonly ulong _size;
    private ulong _nextData;

    /// <param name="path">The patch file.</param>
    /// <param name="isLow">Whether it must lie below 2 GiB, as code that is not position-independent.</param>
    /// <param name="given">What names mean, beside those of the patch and of the C library.</param>
    /// <param name="variables">Names of variables of 8 bytes to be laid near the patch, as the target's would
    /// be.</param>
    public LoadedPatch(string path, bool isLow = false, Dictionary<string, SymbolTarget>? given = null,
        params string[] variables)
    {
        using PatchFile patch = PatchFile.Open(path);
        Image = PatchImageReader.Read(patch);
        _size = Image.Size + DataSize;
        Address = (ulong)Syscall.Call(Syscall.Mmap, 0, (long)_size, 3,
            MapPrivate | MapAnonymous | (isLow ? Map32Bit : 0), -1, 0);
        _nextData = Address + Image.Size;
        foreach ((string name, SymbolTarget target) in given ?? []) _given[name] = target;
        foreach (string name in variables) _given[name] = new SymbolTarget(NewVariable(), 8);

        Content = [.. Image.Content];
        Indirect = Relocator.Relocate(Image, Content, Address, Find);
        Content.CopyTo(new Span<byte>((void*)Address, Content.Length));
        Protect();
        // Resolvers are run when everything else is in place, as in a target.
        foreach ((ulong offset, ulong resolver) in Indirect) WriteWord(Address + offset,
            ((delegate* unmanaged<ulong>)resolver)());
    }

    public PatchImage Image { get; }
    public ulong Address { get; }
    public byte[] Content { get; }
    public IReadOnlyList<(ulong Offset, ulong Resolver)> Indirect { get; }

    /// <summary>Address of a symbol of the patch.</summary>
    public ulong this[string name] => Address + Image.Defined[name].Value;

    /// <summary>Calls a function of the patch.</summary>
    public long Call(string name, long argument = 0) => ((delegate* unmanaged<long, long>)this[name])(argument);

    /// <summary>A variable that was asked for in the constructor.</summary>
    public ref long Variable(string name) => ref *(long*)_given[name].Address;

    public void Dispose() => _ = Syscall.Call(Syscall.Munmap, (long)Address, (long)_size);

    private SymbolTarget? Find(ImageSymbol symbol)
    {
        if (symbol.IsDefined) return new SymbolTarget(symbol.IsAbsolute ? symbol.Value : Address + symbol.Value,
            symbol.Size);
        if (_given.TryGetValue(symbol.Name, out SymbolTarget known)) return known;
        nint libc = NativeLibrary.Load("libc.so.6"), loader = NativeLibrary.Load("ld-linux-x86-64.so.2");
        if (NativeLibrary.TryGetExport(libc, symbol.Name, out nint found)
            || NativeLibrary.TryGetExport(loader, symbol.Name, out found))
            return new SymbolTarget((ulong)found);
        return symbol.IsWeak ? null : throw new PatchException(PatchErrorId.SymbolNotFound, symbol.Name);
    }

    private ulong NewVariable()
    {
        _nextData += 64;
        return _nextData;
    }

    private void Protect()
    {
        foreach (ImageSegment s in Image.Segments)
        {
            int rights = (s.Access.HasFlag(MemoryAccess.Read) ? 1 : 0) | (s.Access.HasFlag(MemoryAccess.Write) ? 2 : 0)
                | (s.Access.HasFlag(MemoryAccess.Execute) ? 4 : 0);
            if (Syscall.Call(Mprotect, (long)(Address + s.Start), (long)s.Length, rights) != 0)
                throw new InvalidOperationException($"mprotect of {s}");
        }
    }

    // By /proc/self/mem, which also writes what is mapped read-only.
    private static void WriteWord(ulong address, ulong value)
    {
        using ProcessMemory memory = ProcessMemory.Open(Environment.ProcessId, out _)!;
        if (memory.Write(address, BitConverter.GetBytes(value)) != 8) throw new InvalidOperationException(
            "/proc/self/mem");
    }
}
