namespace Pannus.Machines;

/// <summary>The stub of <see cref="RemoteAbi.Stub"/> for 32-bit threads.</summary>
/// <remarks>
/// esp points to the signal frame, and ebp does when a function is called. A syscall takes all other registers, so the
/// descriptor to close on the way home lies below the frame, and CF says that the result of the call that the thread comes
/// from is such a descriptor. esi is <see cref="HasClosed"/> when there is none any more, which as an argument of the calls that
/// are made here has no meaning.
/// </remarks>
internal static class IA32Stub
{
    /// <summary>Offsets of the labels.</summary>
    public const int Returned = 0, Next = 5, Gate = 44;

    /// <summary>In esi: the descriptor is closed.</summary>
    public const uint HasClosed = 0x636c6f73;

    /// <summary>The code.</summary>
    public static ReadOnlySpan<byte> Code =>
    [
        // returned:
        0x89, 0xc7,                               // mov    edi, eax            a function's result
        0x89, 0xec,                               // mov    esp, ebp
        0xf8,                                     // clc
        // next:
        0x73, 0x04,                               // jnc    kept
        0x89, 0x44, 0x24, 0xfc,                   // mov    [esp-4], eax
        // kept:
        0x8b, 0x5c, 0x24, 0xfc,                   // mov    ebx, [esp-4]
        0x81, 0xfe, 0x73, 0x6f, 0x6c, 0x63,       // cmp    esi, HasClosed
        0xb8, 0xad, 0x00, 0x00, 0x00,             // mov    eax, rt_sigreturn
        0x74, 0x0e,                               // je     enter
        0x85, 0xdb,                               // test   ebx, ebx
        0x78, 0x0a,                               // js     enter
        0xb8, 0x06, 0x00, 0x00, 0x00,             // mov    eax, close
        0xbe, 0x73, 0x6f, 0x6c, 0x63,             // mov    esi, HasClosed
        // enter:
        0xcd, 0x80,                               // int    128
        // gate:
        0xeb, 0xd7,                               // jmp    next
    ];
}
