using System.Buffers.Binary;
using System.Numerics;
using Iced.Intel;
using Pannus.Core;
using Pannus.Machines;
using Pannus.Targets;

namespace Pannus.Applying;

/// <summary>
/// Finds what leads into some memory of a target, in stretches of its memory. A page that can't be read is passed over: the
/// program can't follow what is there either.
/// </summary>
internal sealed class AddressWords(TargetProcess target, IReadOnlyList<MemoryRegion> regions)
{
    private const int Chunk = 64 << 10, Overlap = 8, JumpLength = 5;

    private readonly MachineWord _word = target.Architecture.Word;
    private readonly byte[] _buffer = new byte[Chunk + Overlap];
    private readonly ulong _lowest = regions.Min(r => r.Start), _highest = regions.Max(r => r.End);
    private readonly PointerGuard? _guard = PointerGuard.Of(target);

    /// <summary>An aligned word that is an address inside.</summary>
    public ulong? Find(AddressRange range) => FindWord(range, _word.Size);

    /// <summary>A word at any byte that is one, as code has them.</summary>
    public ulong? FindUnaligned(AddressRange range) => FindWord(range, step: 1);

    /// <summary>
    /// An address inside as the C library hides it in lists of exit handlers and in a jmp_buf: the first stand behind the number
    /// of their kind, and the second behind a stack pointer that is hidden alike.
    /// </summary>
    public ulong? FindMangled(AddressRange range)
    {
        if (_guard is not { } guard) return null;
        return Search(range, (at, bytes) =>
        {
            ulong before = ulong.MaxValue;
            for (int i = 0; i + _word.Size <= bytes.Length; i += _word.Size)
            {
                ulong word = _word.Read(bytes[i..]);
                if (IsCode(guard.Reveal(word)) && (before is >= 2 and <= 4 || IsWritable(guard.Reveal(before)))) return i;
                before = word;
            }
            return null;
        });
    }

    /// <summary>A jump or call of 32 bits that leads inside.</summary>
    public ulong? FindJump(AddressRange range) => Search(range, (at, bytes) =>
    {
        for (int i = 0; i + JumpLength <= bytes.Length; i++)
        {
            if (!X86Jump.IsNearBranch(bytes[i])) continue;
            ulong next = at + (ulong)i + JumpLength;
            if (!IsInside(_word.Wrap(next + (ulong)BinaryPrimitives.ReadInt32LittleEndian(bytes[(i + 1)..])))) continue;
            if (!IsOfFile(at + (ulong)i, bytes.Slice(i, JumpLength))) return i;
        }
        return null;
    });

    /// <summary>An instruction that leads inside in any way: a patch may call and address another one in every way that there is.</summary>
    public ulong? FindOperand(AddressRange range)
    {
        byte[] code = new byte[(int)Math.Min(range.Length, int.MaxValue)];
        var decoder = Decoder.Create(_word.Size * 8, new ByteArrayCodeReader(code, 0, target.Memory.Read(range.Start, code)));
        decoder.IP = range.Start;
        while (decoder.IP < range.End)
        {
            decoder.Decode(out Instruction i);
            if (i.Code == Code.INVALID && decoder.LastError == DecoderError.NoMoreBytes) return null;
            if (IsInside(i.NearBranchTarget) || (i.IsIPRelativeMemoryOperand && IsInside(i.IPRelativeMemoryAddress))) return i.IP;
        }
        return null;
    }

    private ulong? FindWord(AddressRange range, int step) => Search(range, (at, bytes) =>
    {
        for (int i = 0; i + _word.Size <= bytes.Length; i += step)
            if (IsInside(_word.Read(bytes[i..])) && !IsOfFile(at + (ulong)i, bytes.Slice(i, _word.Size))) return i;
        return null;
    });

    // What the module's file has there was there before the patch, and only looks as if it led to it. With 32-bit addresses
    // that is no rare thing.
    private bool IsOfFile(ulong address, ReadOnlySpan<byte> bytes)
    {
        TargetModule? module = target.ModuleAt(address);
        Span<byte> file = stackalloc byte[bytes.Length];
        return module is { Image.IsFromMemory: false } && module.Image.TryReadVirtual(address - module.LoadBias, file) && bytes.SequenceEqual(file);
    }

    private delegate int? PieceSearch(ulong at, ReadOnlySpan<byte> bytes);

    private ulong? Search(AddressRange range, PieceSearch search)
    {
        for (ulong at = range.Start; at < range.End;)
        {
            ulong start = at;
            if (search(start, MemoryPieces.Next(target.Memory, ref at, range.End, _buffer, Overlap)) is { } i) return start + (ulong)i;
        }
        return null;
    }

    private bool IsCode(ulong address) =>
        IsInside(address) && regions.Any(r => r.Contains(address) && r.Access.HasFlag(MemoryAccess.Execute));

    private bool IsWritable(ulong address) => target.Map.Find(address) is { } region && region.Access.HasFlag(MemoryAccess.Write);

    private bool IsInside(ulong address)
    {
        if (address < _lowest || address >= _highest) return false;
        foreach (MemoryRegion region in regions)
            if (region.Contains(address)) return true;
        return false;
    }
}

/// <summary>
/// By what the C library of a target hides code addresses that it keeps (glibc, <c>PTR_MANGLE</c> of sysdeps/x86): the second
/// word of the kernel's random bytes, and a rotation.
/// </summary>
internal readonly record struct PointerGuard(ulong Value, int WordSize)
{
    private const ulong AtRandom = 25;

    /// <summary>The guard of a target; null when it can't be told.</summary>
    public static PointerGuard? Of(TargetProcess target)
    {
        MachineWord word = target.Architecture.Word;
        return AuxiliaryVector.Find(target, word, AtRandom) is { } random
            && word.TryRead(target.Memory, random + (ulong)word.Size) is { } value ? new PointerGuard(value, word.Size) : null;
    }

    /// <summary>The address that a hidden one stands for.</summary>
    public ulong Reveal(ulong hidden) => WordSize == 8 ? BitOperations.RotateRight(hidden, 17) ^ Value
        : BitOperations.RotateRight((uint)hidden, 9) ^ (uint)Value;
}
