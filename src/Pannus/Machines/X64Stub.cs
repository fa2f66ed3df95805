namespace Pannus.Machines;

/// <summary>The stub of <see cref="RemoteAbi.Stub"/> for 64-bit threads.</summary>
/// <remarks>
/// rbp points to the signal frame, and so does rsp but in a called function. r12d is the descriptor to close on the way
/// home, or below 0; r13d says that the result of the call that the thread comes from is such a descriptor. All of them are
/// registers that a called function keeps. A descriptor is forgotten before it is closed, so that it is closed once.
/// </remarks>
internal static class X64Stub
{
    /// <summary>Offsets of the labels.</summary>
    public const int Returned = 0, Next = 6, Gate = 40;

    /// <summary>The code.</summary>
    public static ReadOnlySpan<byte> Code =>
    [
        // returned:
        0x48, 0x89, 0xc3,                         // mov    rbx, rax            a function's result
        0x48, 0x89, 0xec,                         // mov    rsp, rbp
        // next:
        0x45, 0x85, 0xed,                         // test   r13d, r13d
        0x44, 0x0f, 0x45, 0xe0,                   // cmovne r12d, eax
        0x44, 0x89, 0xe7,                         // mov    edi, r12d
        0xb8, 0x0f, 0x00, 0x00, 0x00,             // mov    eax, rt_sigreturn
        0xb9, 0x03, 0x00, 0x00, 0x00,             // mov    ecx, close
        0x85, 0xff,                               // test   edi, edi
        0x0f, 0x49, 0xc1,                         // cmovns eax, ecx
        0x41, 0x83, 0xcc, 0xff,                   // or     r12d, -1
        0x45, 0x31, 0xed,                         // xor    r13d, r13d
        0x0f, 0x05,                               // syscall
        // gate:
        0xeb, 0xdc,                               // jmp    next
    ];
}
