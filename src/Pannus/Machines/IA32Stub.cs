namespace Pannus.Machines;

/// <summary>The stub of <see cref="RemoteAbi.Stub"/> for 32-bit threads.</summary>
/// <remarks>
/// On entry ebx and esp point to the list, below which there is room, and ebp to the signal frame. A syscall takes six
/// registers and leaves none, so that what goes on lies on the stack: record, descriptor, whether something has failed, frame.
/// </remarks>
internal static class IA32Stub
{
    /// <summary>The code.</summary>
    public static ReadOnlySpan<byte> Code =>
    [
        0x55,                                             // push   ebp                      the frame
        0x6a, 0x00,                                       // push   0                        nothing has failed
        0x6a, 0xff,                                       // push   -1                       no descriptor
        // next:
        0x8b, 0x03,                                       // mov    eax, [ebx]
        0x83, 0xf8, 0xff,                                 // cmp    eax, -1                  EndOfList
        0x74, 0x6b,                                       // je     done
        0x53,                                             // push   ebx
        0xf6, 0x43, 0x1c, 0x08,                           // test   byte [ebx+28], 8         Always
        0x75, 0x07,                                       // jne    run
        0x83, 0x7c, 0x24, 0x08, 0x00,                     // cmp    [esp+8], 0
        0x75, 0x57,                                       // jne    skip
        // run:
        0xf6, 0x43, 0x1c, 0x10,                           // test   byte [ebx+28], 16        CallsFunction
        0x75, 0x3a,                                       // jne    call
        0x8b, 0x4b, 0x08,                                 // mov    ecx, [ebx+8]
        0x8b, 0x53, 0x0c,                                 // mov    edx, [ebx+12]
        0x8b, 0x73, 0x10,                                 // mov    esi, [ebx+16]
        0x8b, 0x7b, 0x14,                                 // mov    edi, [ebx+20]
        0x8b, 0x6b, 0x18,                                 // mov    ebp, [ebx+24]
        0xf6, 0x43, 0x1c, 0x04,                           // test   byte [ebx+28], 4         FifthIsDescriptor
        0x0f, 0x45, 0x7c, 0x24, 0x04,                     // cmovne edi, [esp+4]
        0xf6, 0x43, 0x1c, 0x02,                           // test   byte [ebx+28], 2         FirstIsDescriptor
        0x8b, 0x5b, 0x04,                                 // mov    ebx, [ebx+4]
        0x0f, 0x45, 0x5c, 0x24, 0x04,                     // cmovne ebx, [esp+4]
        0xcd, 0x80,                                       // int    128
        0x8b, 0x1c, 0x24,                                 // mov    ebx, [esp]
        0x3d, 0x01, 0xf0, 0xff, 0xff,                     // cmp    eax, -4095
        0x72, 0x14,                                       // jb     store
        0xc7, 0x44, 0x24, 0x08, 0x01, 0x00, 0x00, 0x00,   // mov    [esp+8], 1
        0xeb, 0x0a,                                       // jmp    store
        // call:
        0x89, 0xe6,                                       // mov    esi, esp
        0x83, 0xe4, 0xf0,                                 // and    esp, -16
        0xff, 0x53, 0x04,                                 // call   [ebx+4]
        0x89, 0xf4,                                       // mov    esp, esi
        // store:
        0x89, 0x43, 0x20,                                 // mov    [ebx+32], eax
        0xf6, 0x43, 0x1c, 0x01,                           // test   byte [ebx+28], 1         KeepsDescriptor
        0x74, 0x04,                                       // je     skip
        0x89, 0x44, 0x24, 0x04,                           // mov    [esp+4], eax
        // skip:
        0x5b,                                             // pop    ebx
        0x83, 0xc3, 0x24,                                 // add    ebx, 36
        0xeb, 0x8e,                                       // jmp    next
        // done:
        0x8b, 0x64, 0x24, 0x08,                           // mov    esp, [esp+8]
        0xb8, 0xad, 0x00, 0x00, 0x00,                     // mov    eax, 173                 rt_sigreturn
        0xcd, 0x80,                                       // int    128
    ];
}
