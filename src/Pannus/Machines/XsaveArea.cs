using System.Buffers.Binary;
using System.Runtime.Intrinsics.X86;

namespace Pannus.Machines;

/// <summary>The vector state in a signal frame, which is alike for both machines (asm/sigcontext.h: <c>struct _fpx_sw_bytes</c>).</summary>
internal static class XsaveArea
{
    private const int SoftwareReservedAt = 464, FxsaveSize = 512, HeaderSize = 64, Features = 63, ExtendedStateLeaf = 0xd;
    // AMX's tiles, the one feature that a task has only when it has asked for it (arch_prctl(2), ARCH_REQ_XCOMP_PERM).
    private const ulong Tiles = 1ul << 18;
    private const uint Magic1 = 0x46505853, Magic2 = 0x46505845;

    // Where the state of each feature ends.
    private static readonly int[] s_ends;

    // A constructor, so that it runs with the first call of any member, which is the rehearsal's: in a virtual machine CPUID
    // takes long, and where a thread is held there is no time for it.
    static XsaveArea() => s_ends = [.. Enumerable.Range(0, Features).Select(EndOf)];

    /// <summary>
    /// Copies what ptrace(2) gave, and tells the kernel that more than the FXSAVE area follows.
    /// </summary>
    /// <param name="state">Where to; 64-byte aligned in the target.</param>
    /// <param name="vectors">The XSAVE area (NT_X86_XSTATE), or a bare 512-byte FXSAVE area.</param>
    /// <param name="before">Bytes of state before the area, which count as extended.</param>
    public static void Build(Span<byte> state, ReadOnlySpan<byte> vectors, int before = 0)
    {
        vectors.CopyTo(state);
        if (vectors.Length <= FxsaveSize) return;
        // The XCR0 mask that ptrace leaves at the start of the software's bytes is the mask of features to restore.
        ulong features = BinaryPrimitives.ReadUInt64LittleEndian(vectors[SoftwareReservedAt..]);
        int length = vectors.Length;
        // ptrace gives room for the tiles of every task, and the kernel takes back no more than the task has: with more than
        // that it would restore the FXSAVE area alone.
        if ((features & Tiles) != 0 && (BinaryPrimitives.ReadUInt64LittleEndian(vectors[FxsaveSize..]) & Tiles) == 0)
        {
            features &= ~Tiles;
            length = LengthOf(features);
        }
        Span<byte> software = state.Slice(SoftwareReservedAt, 48);
        software.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(software, Magic1);
        BinaryPrimitives.WriteUInt32LittleEndian(software[4..], (uint)(length + sizeof(uint) + before));
        BinaryPrimitives.WriteUInt64LittleEndian(software[8..], features);
        BinaryPrimitives.WriteUInt32LittleEndian(software[16..], (uint)length);
        BinaryPrimitives.WriteUInt32LittleEndian(state[length..], Magic2);
    }

    private static int LengthOf(ulong features)
    {
        int length = FxsaveSize + HeaderSize;
        for (int i = 2; i < Features; i++)
            if ((features >> i & 1) != 0) length = Math.Max(length, s_ends[i]);
        return length;
    }

    private static int EndOf(int feature)
    {
        if (feature < 2 || !X86Base.IsSupported) return 0;
        (int size, int offset, _, _) = X86Base.CpuId(ExtendedStateLeaf, feature);
        return offset + size;
    }

    public static int Align(int size) => (size + 63) & ~63;
}
