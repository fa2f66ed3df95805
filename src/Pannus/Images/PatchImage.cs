using Pannus.Core;
using Pannus.Machines;
using Pannus.Unwinding;

namespace Pannus.Images;

/// <summary>A stretch of a patch with one set of rights.</summary>
/// <param name="Start">Offset from the patch's first page, page-aligned.</param>
/// <param name="Length">Length in bytes, a multiple of the page size.</param>
/// <param name="Access">Rights; never both writable and executable.</param>
internal readonly record struct ImageSegment(ulong Start, ulong Length, MemoryAccess Access);

/// <summary>A symbol that a patch defines or needs.</summary>
/// <param name="Name">Name without version.</param>
/// <param name="Version">Version that is asked for; empty when none is.</param>
/// <param name="Value">Offset from the patch's first page when defined here.</param>
/// <param name="Size">Size in bytes.</param>
/// <param name="IsDefined">Whether the patch defines it.</param>
/// <param name="IsAbsolute">Whether the value is no address (SHN_ABS).</param>
/// <param name="IsWeak">Whether it may be missing.</param>
/// <param name="IsFunction">Whether it is called rather than read, as far as the file tells.</param>
/// <param name="IsIndirect">Whether the value is that of an IFUNC resolver.</param>
/// <param name="IsThreadLocal">Whether it is thread-local.</param>
internal sealed record ImageSymbol(string Name, string Version, ulong Value, ulong Size, bool IsDefined, bool IsAbsolute,
    bool IsWeak, bool IsFunction, bool IsIndirect, bool IsThreadLocal);

/// <summary>A relocation.</summary>
/// <param name="Offset">Where, as an offset from the patch's first page.</param>
/// <param name="Type">R_X86_64_* or R_386_*, by the patch's architecture.</param>
/// <param name="Symbol">What it refers to; null for none.</param>
/// <param name="Addend">The addend.</param>
internal readonly record struct ImageRelocation(ulong Offset, uint Type, ImageSymbol? Symbol, long Addend);

/// <summary>A patch as it lies in memory, placed at address 0 and not yet relocated.</summary>
internal sealed record PatchImage
{
    /// <summary>Name for messages: the file's path.</summary>
    public required string Name { get; init; }
    /// <summary>What machine it is for.</summary>
    public required TargetArchitecture Architecture { get; init; }
    /// <summary>All bytes, from the first page to the last, .bss included.</summary>
    public required byte[] Content { get; init; }
    /// <summary>The mappings, ascending.</summary>
    public required IReadOnlyList<ImageSegment> Segments { get; init; }
    /// <summary>What to relocate.</summary>
    public required IReadOnlyList<ImageRelocation> Relocations { get; init; }
    /// <summary>Symbols that the patch defines, by name; locals only where no other has the name.</summary>
    public required IReadOnlyDictionary<string, ImageSymbol> Defined { get; init; }
    /// <summary>The file's address of the first page: what offsets are relative to.</summary>
    public required ulong FirstAddress { get; init; }

    /// <summary>What the first page's address must be a multiple of.</summary>
    public required ulong Alignment { get; init; }
    /// <summary>Offset of the global offset table that code of an object refers to.</summary>
    public ulong GotOffset { get; init; }
    /// <summary>Where its call frame information (.eh_frame) lies, as offsets.</summary>
    public IReadOnlyList<AddressRange> Frames { get; init; } = [];
    /// <summary>Whether something in it is to be done when an exception comes through (a personality routine).</summary>
    public bool HandlesExceptions { get; init; }
    /// <summary>Offset of the page that its <see cref="FrameIndex"/> begins; null when it has none.</summary>
    public ulong? IndexOffset { get; init; }
    /// <summary>Code that the layout adds, each stretch of which is entered like a function and moves no stack pointer; offsets.</summary>
    public IReadOnlyList<AddressRange> Stubs { get; init; } = [];
    /// <summary>Thread-local variables that the code takes to be all in one module.</summary>
    public IReadOnlyCollection<ImageSymbol> InOneModule { get; init; } = [];
    /// <summary>Whether the code refers to addresses with half a word, and so must lie below 2 GiB.</summary>
    public bool NeedsLowAddress => Architecture.Word.Size == 8
        && Relocations.Any(r => Architecture.RuleOf(r.Type) is { Kind: RelocationKind.Absolute, Width: 4 });

    /// <summary>Size in bytes, a multiple of the page size.</summary>
    public ulong Size => (ulong)Content.Length;

    /// <summary>The image with so many bytes for code after it, a multiple of the page size.</summary>
    public PatchImage WithCode(ulong size) => With(size, MemoryAccess.Read | MemoryAccess.Execute);

    /// <summary>The image with so many bytes to read after it, a multiple of the page size.</summary>
    public PatchImage WithConstants(ulong size) => With(size, MemoryAccess.Read);

    private PatchImage With(ulong size, MemoryAccess access) => this with
    {
        Content = [.. Content, .. new byte[size]],
        Segments = [.. Segments, new ImageSegment(Size, size, access)],
    };

    /// <summary>Whether an offset is backed by <see cref="Content"/> for this many bytes.</summary>
    public bool Holds(ulong offset, ulong length) => offset <= Size && length <= Size - offset;
}
