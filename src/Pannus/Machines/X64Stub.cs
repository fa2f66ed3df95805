namespace Pannus.Machines;

/// <summary>The stub of <see cref="RemoteAbi.Stub"/> for 64-bit threads.</summary>
/// <remarks>
/// On entry rbx points to the list, rbp to the signal frame, r12 is no descriptor, r13d (something has failed) is 0. The
/// stack is used only to call functions.
/// </remarks>
internal static class X64Stub
{
    /// <summary>The code.</summary>
    public static ReadOnlySpan<byte> Code =>
    [
        // next:
        0x48, 0x8b, 0x03,                         // mov    rax, [rbx]
        0x48, 0x83, 0xf8, 0xff,                   // cmp    rax, EndOfList
        0x74, 0x63,                               // je     done
        0x4c, 0x8b, 0x73, 0x38,                   // mov    r14, [rbx+56]      flags
        0x45, 0x85, 0xed,                         // test   r13d, r13d
        0x74, 0x06,                               // je     run
        0x41, 0xf6, 0xc6, 0x08,                   // test   r14b, Always
        0x74, 0x4e,                               // je     skip
        // run:
        0x48, 0x8b, 0x7b, 0x08,                   // mov    rdi, [rbx+8]
        0x48, 0x8b, 0x73, 0x10,                   // mov    rsi, [rbx+16]
        0x48, 0x8b, 0x53, 0x18,                   // mov    rdx, [rbx+24]
        0x4c, 0x8b, 0x53, 0x20,                   // mov    r10, [rbx+32]
        0x4c, 0x8b, 0x43, 0x28,                   // mov    r8,  [rbx+40]
        0x4c, 0x8b, 0x4b, 0x30,                   // mov    r9,  [rbx+48]
        0x41, 0xf6, 0xc6, 0x02,                   // test   r14b, FirstIsDescriptor
        0x49, 0x0f, 0x45, 0xfc,                   // cmovne rdi, r12
        0x41, 0xf6, 0xc6, 0x04,                   // test   r14b, FifthIsDescriptor
        0x4d, 0x0f, 0x45, 0xc4,                   // cmovne r8, r12
        0x41, 0xf6, 0xc6, 0x10,                   // test   r14b, CallsFunction
        0x75, 0x12,                               // jne    call
        0x0f, 0x05,                               // syscall
        0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff,       // cmp    rax, -4095
        0x72, 0x0a,                               // jb     store
        0x41, 0xbd, 0x01, 0x00, 0x00, 0x00,       // mov    r13d, 1
        0xeb, 0x02,                               // jmp    store
        // call:
        0xff, 0xd7,                               // call   rdi
        // store:
        0x48, 0x89, 0x43, 0x40,                   // mov    [rbx+64], rax
        0x41, 0xf6, 0xc6, 0x01,                   // test   r14b, KeepsDescriptor
        0x4c, 0x0f, 0x45, 0xe0,                   // cmovne r12, rax
        // skip:
        0x48, 0x83, 0xc3, 0x48,                   // add    rbx, 72
        0xeb, 0x94,                               // jmp    next
        // done:
        0x48, 0x89, 0xec,                         // mov    rsp, rbp
        0xb8, 0x0f, 0x00, 0x00, 0x00,             // mov    eax, rt_sigreturn
        0x0f, 0x05,                               // syscall
    ];
}
