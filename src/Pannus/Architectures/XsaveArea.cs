using System.Buffers.Binary;

namespace Pannus.Architectures;

/// <summary>The vector state in a signal frame, which is alike for both machines (asm/sigcontext.h: <c>struct _fpx_sw_bytes</c>).</summary>
internal static class XsaveArea
{
    private const int SoftwareReservedAt = 464, FxsaveSize = 512;
    private const uint Magic1 = 0x46505853, Magic2 = 0x46505845;

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
        Span<byte> software = state.Slice(SoftwareReservedAt, 48);
        software.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(software, Magic1);
        BinaryPrimitives.WriteUInt32LittleEndian(software[4..], (uint)(vectors.Length + sizeof(uint) + before));
        BinaryPrimitives.WriteUInt64LittleEndian(software[8..], features);
        BinaryPrimitives.WriteUInt32LittleEndian(software[16..], (uint)vectors.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(state[vectors.Length..], Magic2);
    }

    public static int Align(int size) => (size + 63) & ~63;
}
