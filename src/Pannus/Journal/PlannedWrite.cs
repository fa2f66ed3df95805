using Pannus.Core;

namespace Pannus.Journal;

/// <summary>What a write does.</summary>
public enum PlannedWriteKind
{
    /// <summary>Type J: a jump at a function's entry.</summary>
    Jump,
    /// <summary>
    /// The jump of a function too short for it, in padding near by: the entry jumps to it with two bytes.
    /// </summary>
    PaddingJump,
    /// <summary>Type V: bytes over a variable.</summary>
    Variable,
    /// <summary>Type P: an address into a pointer.</summary>
    Pointer,
    /// <summary>Bytes at an address that somebody gave.</summary>
    Memory,
}

/// <summary>One write, decided in every detail before anything is touched. Flat, so that it survives remoting.</summary>
public sealed record PlannedWrite
{
    /// <summary>Process id of the target.</summary>
    public required int Id { get; init; }
    /// <summary>What it does.</summary>
    public required PlannedWriteKind Kind { get; init; }
    /// <summary>Symbol that is overwritten; empty for <see cref="PlannedWriteKind.Memory"/>.</summary>
    public required string Symbol { get; init; }
    /// <summary>Module that the symbol is in.</summary>
    public required string Module { get; init; }
    /// <summary>Patch symbol, or address, that a jump or pointer leads to; else empty.</summary>
    public required string Destination { get; init; }
    /// <summary>First address written.</summary>
    public required ulong Address { get; init; }
    /// <summary>What is there now, lower-case hex.</summary>
    public string OldBytes => Convert.ToHexString(Old).ToLowerInvariant();
    /// <summary>What will be there, lower-case hex.</summary>
    public string NewBytes => Convert.ToHexString(New).ToLowerInvariant();

    /// <summary>How a message names it.</summary>
    internal string DisplayName => Symbol.Length > 0 ? $"{Kind} {Symbol}" : $"{Kind} at 0x{Address:x}";
    /// <summary>
    /// Of a jump: <c>whole</c>, or what of the function's code stays old or is not known; empty for other writes, and for a patch
    /// that is in force.
    /// </summary>
    public string Coverage { get; init; } = "";

    internal byte[] Old { get; init; } = [];
    internal byte[] New { get; init; } = [];
    /// <summary>No thread may be about to execute an instruction inside: the bytes after the first of the jump.</summary>
    internal AddressRange Guarded { get; init; }
    /// <summary>No thread may have a frame inside: the function that is replaced, wherever its parts are, and its earlier versions.</summary>
    internal IReadOnlyList<AddressRange> Function { get; init; } = [];
    internal AddressRange Range => new(Address, (ulong)New.Length);
    internal bool IsDone => Old.AsSpan().SequenceEqual(New);
}
