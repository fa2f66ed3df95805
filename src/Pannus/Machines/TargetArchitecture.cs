using System.Globalization;
using Pannus.Core;
using Pannus.Elf;
using Pannus.Linux;

namespace Pannus.Machines;

/// <summary>
/// What differs between the machines that targets run on; all of it is in this folder. The patcher itself is always
/// x86-64. An architecture that has no object here cannot be patched.
/// </summary>
internal abstract class TargetArchitecture
{
    /// <summary>64-bit programs.</summary>
    public static TargetArchitecture X64 { get; } = new X64Architecture();

    /// <summary>32-bit programs, which a 64-bit kernel runs in compatibility mode.</summary>
    public static TargetArchitecture IA32 { get; } = new IA32Architecture();

    /// <summary>The architecture of a file; null for one that Pannus cannot patch.</summary>
    public static TargetArchitecture? Of(ElfImage image) => (image.Machine, image.Class) switch
    {
        (ElfMachine.X86_64, ElfClass.Elf64) => X64,
        (ElfMachine.I386, ElfClass.Elf32) => IA32,
        _ => null,
    };

    /// <summary>The architecture of the code that a thread runs, by its code segment.</summary>
    public static TargetArchitecture Of(in X64Registers registers) => registers.Cs == X64Registers.User32Cs ? IA32 : X64;

    /// <summary>What Get-PatchTarget says of a file: X64, X86, X32, or the number of another ELF machine.</summary>
    public static string NameOf(ElfImage image) => Of(image)?.Name ?? (image.Machine == ElfMachine.X86_64
        ? "X32" : ((int)image.Machine).ToString(CultureInfo.InvariantCulture));

    /// <summary>What a message calls the architecture of a file.</summary>
    public static string Describe(ElfImage image) => Of(image)?.DisplayName ?? (image.Machine == ElfMachine.X86_64
        ? "x32 (x86-64 with pointers of 32 bits)" : string.Create(CultureInfo.InvariantCulture, $"ELF machine {(int)image.Machine}"));

    /// <summary>X64 or X86.</summary>
    public abstract string Name { get; }

    /// <summary>x86-64 or IA-32.</summary>
    public abstract string DisplayName { get; }

    /// <summary>Bits of a word: what a decoder of instructions has to know.</summary>
    public abstract int Bitness { get; }

    /// <summary>Its words and pointers.</summary>
    public MachineWord Word => new(Bitness / 8);

    /// <summary>How its stacks are unwound.</summary>
    public UnwindMachine Unwind => Bitness == 64 ? UnwindMachine.X64 : UnwindMachine.I386;

    /// <summary>How its threads are borrowed for a remote call.</summary>
    public abstract RemoteAbi Remote { get; }

    /// <summary>Its syscalls.</summary>
    public abstract SyscallNumbers Syscalls { get; }

    /// <summary>What a compiler calls it: the option to give for a patch.</summary>
    public abstract string CompilerOption { get; }

    /// <summary>Address that mappings of a process have to end below.</summary>
    public abstract ulong HighestAddress(MemoryMap map);

    /// <summary>Whether a jump at an address with a displacement of 32 bits reaches everything.</summary>
    public abstract bool ReachesAll { get; }

    /// <summary>How to do a relocation.</summary>
    public abstract RelocationRule RuleOf(uint type);

    /// <summary>How to do a relocation of an object's code, whose meaning may depend on the instruction around the place.</summary>
    public virtual RelocationRule RuleOf(uint type, ReadOnlySpan<byte> code, ulong offset) => RuleOf(type);

    /// <summary>Name of a type of relocation.</summary>
    public abstract string RelocationName(uint type);

    /// <summary>The type of relocation that a call by way of a PLT is bound by.</summary>
    public abstract uint JumpSlot { get; }

    /// <summary>The type of relocation that simply does this, for references to what the loader itself adds to an object.</summary>
    public abstract uint RelocationType(RelocationKind kind);

    /// <summary>
    /// An entry of a PLT: a jump by way of a slot of the GOT, to which a relocation at <paramref name="slotAt"/> refers.
    /// </summary>
    public abstract ReadOnlySpan<byte> PltEntry(out int slotAt, out RelocationKind kind, out long addend);
}
