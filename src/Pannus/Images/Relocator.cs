using System.Buffers.Binary;
using Pannus.Core;
using Pannus.Machines;

namespace Pannus.Images;

/// <summary>Where a symbol of a patch has been found.</summary>
/// <param name="Address">Address in the target.</param>
/// <param name="ModuleId">Module id for thread-local symbols (DTPMOD).</param>
/// <param name="TlsOffset">Offset in the module's TLS block (DTPOFF).</param>
/// <param name="ThreadOffset">Offset from the thread pointer (TPOFF); null when it isn't the same in all threads.</param>
/// <param name="Size">Size in bytes.</param>
internal readonly record struct SymbolTarget(
    ulong Address, ulong Size = 0, ulong ModuleId = 0, ulong TlsOffset = 0, long? ThreadOffset = null)
{
    /// <summary>Whether the address is that of an IFUNC resolver, which only the target itself can run.</summary>
    public bool IsResolver { get; init; }

    /// <summary>Whether it is thread-local: modules that have such variables are numbered from 1.</summary>
    public bool IsThreadLocal => ModuleId != 0;
}

/// <summary>Resolves the symbols of a patch. Throws for one that cannot be found; null for a weak one that isn't.</summary>
internal delegate SymbolTarget? SymbolLookup(ImageSymbol symbol);

/// <summary>
/// Applies relocations by the rules of their architecture to a patch's bytes in our own memory, for the address at which
/// they will lie.
/// </summary>
internal static class Relocator
{
    /// <summary>
    /// Relocates <paramref name="content"/>, a copy of the image's. Returns the places that are to hold what an IFUNC
    /// resolver of the patch itself returns, with the resolver's address. Errors:
    /// <see cref="PatchErrorId.RelocationUnsupported"/>, <see cref="PatchErrorId.SymbolNotFound"/>,
    /// <see cref="PatchErrorId.PatchFileInvalid"/>.
    /// </summary>
    public static IReadOnlyList<(ulong Offset, ulong Resolver)> Relocate(
        PatchImage image, byte[] content, ulong address, SymbolLookup lookup)
    {
        List<(ulong, ulong)> indirect = [];
        CheckInOneModule(image, lookup);
        foreach (ImageRelocation r in image.Relocations)
        {
            RelocationRule rule = image.Architecture.RuleOf(r.Type);
            if (rule.Kind == RelocationKind.None) continue;
            // What needs a slot can only be in an object, and there it has become a reference to the slot.
            if (rule.Kind is RelocationKind.Unsupported or RelocationKind.Copy or RelocationKind.TlsDescriptor
                || rule.Slot is not (RelocationSlot.None or RelocationSlot.Plt))
                throw Unsupported(image, r, rule);
            if (!image.Holds(r.Offset, (ulong)rule.Width))
            {
                throw new PatchException(PatchErrorId.PatchFileInvalid,
                    $"{image.Name}: {Describe(image, r)} lies outside the patch's segments.");
            }
            if (rule.Kind == RelocationKind.Indirect)
            {
                indirect.Add((r.Offset, address - image.FirstAddress + (ulong)r.Addend));
                continue;
            }
            ulong value = Value(image, r, rule, address, lookup, indirect);
            Store(image, r, rule, content.AsSpan((int)r.Offset, rule.Width), value);
        }
        return indirect;
    }

    private static ulong Value(PatchImage image, in ImageRelocation r, in RelocationRule rule, ulong address, SymbolLookup lookup,
        List<(ulong, ulong)> indirect)
    {
        ulong addend = (ulong)r.Addend, place = address + r.Offset, got = address + image.GotOffset;
        switch (rule.Kind)
        {
            case RelocationKind.Relative:
                return address - image.FirstAddress + addend;
            case RelocationKind.GotPcRelative:
                return got + addend - place;
            case RelocationKind.Size:
                return Find(image, r, rule, lookup).Size + addend;
            case RelocationKind.TlsModule:
                // Without a symbol it is the patch's own module, and the patch has no TLS of its own.
                return r.Symbol is null ? throw OwnTls(image, r) : Find(image, r, rule, lookup).ModuleId;
            case RelocationKind.TlsOffset:
                return Find(image, r, rule, lookup).TlsOffset + addend;
            case RelocationKind.ThreadOffset:
                return ThreadOffset(image, r, rule, lookup) + addend;
            case RelocationKind.NegatedThreadOffset:
                return addend - ThreadOffset(image, r, rule, lookup);
        }

        SymbolTarget found = Find(image, r, rule, lookup);
        ulong symbol = found.Address;
        // An IFUNC is what its resolver says, which only the target can tell.
        if (found.IsResolver || r.Symbol is { IsDefined: true, IsIndirect: true })
        {
            bool isPointer = rule.Kind is RelocationKind.Absolute or RelocationKind.Symbol && rule.Width == image.Architecture.Word.Size;
            if (!isPointer)
            {
                throw new PatchException(PatchErrorId.RelocationUnsupported, $"{image.Name}: {Describe(image, r)}: which function that is "
                    + "the target picks when it first calls it, which it has not. Compile the patch with -fPIC.");
            }
            indirect.Add((r.Offset, symbol));
            return 0;
        }
        return rule.Kind switch
        {
            RelocationKind.Symbol => symbol,
            RelocationKind.Absolute => symbol + addend,
            RelocationKind.PcRelative => symbol + addend - place,
            RelocationKind.GotRelative => symbol + addend - got,
            _ => throw Unsupported(image, r, rule),
        };
    }

    private static ulong ThreadOffset(PatchImage image, in ImageRelocation r, in RelocationRule rule, SymbolLookup lookup)
    {
        if (r.Symbol is null) throw OwnTls(image, r);
        return Find(image, r, rule, lookup).ThreadOffset is { } offset
            ? (ulong)offset
            : throw new PatchException(PatchErrorId.RelocationUnsupported,
                $"{image.Name}: {Describe(image, r)}: the variable is in a library that was loaded later, and lies elsewhere in "
                + "each thread. Compile the patch with -ftls-model=global-dynamic.");
    }

    private static SymbolTarget Find(PatchImage image, in ImageRelocation r, in RelocationRule rule, SymbolLookup lookup)
    {
        if (r.Symbol is null)
            throw new PatchException(PatchErrorId.PatchFileInvalid, $"{image.Name}: {Describe(image, r)} has no symbol.");
        if (lookup(r.Symbol) is not { } found) return default;
        if (found.IsThreadLocal == rule.IsThreadLocal || rule.Kind == RelocationKind.Size) return found;
        throw new PatchException(PatchErrorId.RelocationUnsupported, found.IsThreadLocal
            ? $"{image.Name}: {Describe(image, r)}: the target's variable is thread-local. Declare it in the patch with __thread."
            : $"{image.Name}: {Describe(image, r)}: the target's variable is not thread-local. Declare it in the patch without __thread.");
    }

    private static void Store(PatchImage image, in ImageRelocation r, in RelocationRule rule, Span<byte> where, ulong value)
    {
        int bits = where.Length * 8;
        long signed = (long)value;
        // A whole word is modulo its size.
        bool fits = where.Length == image.Architecture.Word.Size
            || (rule.IsSigned ? signed >= -(1L << (bits - 1)) && signed < 1L << (bits - 1) : value >> bits == 0);
        if (!fits)
        {
            throw new PatchException(PatchErrorId.RelocationUnsupported,
                $"{image.Name}: {Describe(image, r)} does not fit {bits} bits: what it refers to is too far from the patch. "
                + "Compile the patch with -fPIC.");
        }
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        bytes[..where.Length].CopyTo(where);
    }

    private static PatchException Unsupported(PatchImage image, in ImageRelocation r, in RelocationRule rule) => new(
        PatchErrorId.RelocationUnsupported, rule.Kind switch
        {
            RelocationKind.Copy =>
                $"{image.Name}: {Describe(image, r)}: a copy relocation belongs in a program, not in a patch. Compile the patch with -shared -fPIC.",
            RelocationKind.TlsDescriptor =>
                $"{image.Name}: {Describe(image, r)}: only the target's dynamic linker can make a TLS descriptor. Compile the patch with -mtls-dialect=gnu.",
            _ => $"{image.Name}: {Describe(image, r)} is a relocation that Pannus does not know how to do.",
        });

    // The local-dynamic model: the code asks for the block of the module of one variable, and finds the others from there.
    private static void CheckInOneModule(PatchImage image, SymbolLookup lookup)
    {
        (ImageSymbol Symbol, ulong Module)[] variables = [.. image.InOneModule.Select(s => (s, lookup(s)?.ModuleId ?? 0))];
        if (variables.All(v => v.Module == variables[0].Module)) return;
        ImageSymbol other = variables.First(v => v.Module != variables[0].Module).Symbol;
        throw new PatchException(PatchErrorId.RelocationUnsupported,
            $"{image.Name}: its code takes the thread-local variables {variables[0].Symbol.Name} and {other.Name} to be of one module, and in the target "
            + "they are not. Declare them in the patch without hidden visibility, or compile it with -ftls-model=initial-exec.");
    }

    private static PatchException OwnTls(PatchImage image, in ImageRelocation r) => new(PatchErrorId.RelocationUnsupported,
        $"{image.Name}: {Describe(image, r)}: the patch has thread-local variables of its own, for which running threads have no "
        + "room. Use ordinary variables, or those of the target.");

    private static string Describe(PatchImage image, in ImageRelocation r) =>
        $"{image.Architecture.RelocationName(r.Type)} at 0x{r.Offset:x}{(r.Symbol is { Name.Length: > 0 } s ? $" ({s.Name})" : "")}";
}
