using Iced.Intel;
using Pannus.Core;
using Pannus.Elf;
using Pannus.Machines;
using Pannus.Targets;

namespace Pannus.Planning;

/// <summary>
/// Addresses of code that lie in the data of a module, or in an instruction of a function: where a computed goto
/// (<c>goto *table[i]</c>) may lead.
/// </summary>
/// <remarks>
/// Data that moves with its module has a relocation for each address. Code that does not move has none, so that there each
/// aligned word counts that looks like an address.
/// </remarks>
internal sealed class CodeLabels(TargetProcess target)
{
    private const int LargestScan = 1 << 28;

    private readonly Dictionary<TargetModule, CodeReference[]> _known = [];

    /// <summary>A place from where an indirect jump of the function may lead into a range; null when there is none.</summary>
    public CodeReference? FindInto(FunctionCode function, AddressRange range)
    {
        if (!MayJumpIndirectly(function) || target.ModuleAt(function.Function.Address) is not { } module) return null;
        if (FindInCode(function, range, module) is { } inCode) return inCode;
        if (!_known.TryGetValue(module, out CodeReference[]? labels)) _known[module] = labels = Collect(module);
        for (int i = FirstAtOrAbove(labels, range.Start); i < labels.Length && range.Contains(labels[i].Destination); i++)
            if (labels[i].Destination != function.Function.Address || IsInTable(labels, labels[i], function)) return labels[i];
        return null;
    }

    // Also by a thunk (-mindirect-branch), which is a jump out of the function.
    private static bool MayJumpIndirectly(FunctionCode function) => function.Function.Size == 0 || function.DecodeBody().Any(i =>
        i.FlowControl == FlowControl.IndirectBranch || (i.FlowControl == FlowControl.UnconditionalBranch
            && i.NearBranchTarget - function.Function.Address >= function.Function.Size));

    // A table on the stack is filled by the function itself, by absolute addresses or such that are relative to the GOT.
    private CodeReference? FindInCode(FunctionCode function, AddressRange range, TargetModule module)
    {
        MachineWord word = target.Architecture.Word;
        ulong? got = word.Size == 4 ? module.LoadBias + module.Image.DynamicValue(DynamicTag.PltGot) : null;
        foreach (Instruction i in function.DecodeBody())
        {
            if (i.Mnemonic == Mnemonic.Lea && i.IsIPRelativeMemoryOperand && IsLabel(i.IPRelativeMemoryAddress))
                return new CodeReference(i.IP, i.IPRelativeMemoryAddress);
            if (got is { } from && i.Mnemonic == Mnemonic.Lea && i.MemoryBase != Register.None && i.MemoryIndex == Register.None
                && word.Wrap(from + i.MemoryDisplacement64) is var relative && IsLabel(relative))
            {
                return new CodeReference(i.IP, relative);
            }
            for (int operand = 0; operand < i.OpCount; operand++)
            {
                bool isWide = i.GetOpKind(operand) is OpKind.Immediate32 or OpKind.Immediate32to64 or OpKind.Immediate64;
                if (isWide && word.Wrap(i.GetImmediate(operand)) is var value && IsLabel(value)) return new CodeReference(i.IP, value);
            }
        }
        return null;

        // The function's own address is one that it may hand out.
        bool IsLabel(ulong address) => range.Contains(address) && address != function.Function.Address;
    }

    // The address of a function is in many tables; it is a label where its neighbour leads into the same function.
    private bool IsInTable(CodeReference[] labels, CodeReference label, FunctionCode function)
    {
        ulong size = (ulong)target.Architecture.Word.Size;
        for (int i = FirstAtOrAbove(labels, function.Function.Address + 1); i < labels.Length && labels[i].Destination < function.End; i++)
            if (labels[i].Source + size == label.Source || label.Source + size == labels[i].Source) return true;
        return false;
    }

    private CodeReference[] Collect(TargetModule module)
    {
        ElfImage image = module.Image;
        AddressRange[] code = [.. image.ProgramHeaders.Where(p => p.IsLoad && p.Access.HasFlag(MemoryAccess.Execute))
            .Select(p => new AddressRange(module.LoadBias + p.VirtualAddress, p.MemorySize))];
        List<CodeReference> labels = [];
        foreach (ElfRelocation r in image.Relocations)
            if (target.Architecture.RuleOf(r.Type).Kind == RelocationKind.Relative) Add(r.Offset, AddendOf(r));
        if (image.Type == ElfType.Exec)
        {
            foreach (ProgramHeader data in image.ProgramHeaders)
                if (data.IsLoad && !data.Access.HasFlag(MemoryAccess.Execute)) AddWords(data);
        }
        return [.. labels.OrderBy(l => l.Destination)];

        void Add(ulong place, ulong value)
        {
            ulong address = image.Word.Wrap(module.LoadBias + value);
            foreach (AddressRange range in code)
                if (range.Contains(address)) labels.Add(new CodeReference(module.LoadBias + place, address));
        }

        void AddWords(ProgramHeader data)
        {
            byte[] words = new byte[Math.Min(data.FileSize, LargestScan)];
            if (!image.TryReadVirtual(data.VirtualAddress, words)) return;
            int size = image.Word.Size;
            for (int at = (int)(0 - data.VirtualAddress & (ulong)(size - 1)); at + size <= words.Length; at += size)
                Add(data.VirtualAddress + (ulong)at, image.Word.Read(words.AsSpan(at)));
        }

        // REL and RELR keep it in the place itself, as the file has it; in memory the dynamic linker has added the bias.
        ulong AddendOf(in ElfRelocation r)
        {
            if (r.Addend is { } addend) return (ulong)addend;
            Span<byte> place = stackalloc byte[image.Word.Size];
            ulong value = image.TryReadVirtual(r.Offset, place) ? image.Word.Read(place) : 0;
            return image.IsFromMemory ? value - module.LoadBias : value;
        }
    }

    private static int FirstAtOrAbove(CodeReference[] labels, ulong address)
    {
        int low = 0, high = labels.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (labels[middle].Destination < address) low = middle + 1;
            else high = middle;
        }
        return low;
    }
}
