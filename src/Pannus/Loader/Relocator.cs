using System.Buffers.Binary;
using Pannus.Elf;

namespace Pannus.Loader;

/// <summary>Where a symbol of a patch has been found.</summary>
/// <param name="Address">Address in the target.</param>
/// <param name="ModuleId">Module id for thread-local symbols (DTPMOD64).</param>
/// <param name="TlsOffset">Offset in the module's TLS block (DTPOFF64).</param>
/// <param name="ThreadOffset">Offset from the thread pointer (TPOFF64); null when it isn't the same in all threads.</param>
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
/// Applies the relocations of x86-64 (psABI x86-64, section 4.4) to a patch's bytes in our own memory, for the address at
/// which they will lie.
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
        foreach (ImageRelocation r in image.Relocations)
        {
            if (r.Type == X64Relocation.None) continue;
            int width = Width(image, r);
            if (!image.Holds(r.Offset, (ulong)width))
            {
                throw new PatchException(PatchErrorId.PatchFileInvalid,
                    $"{image.Name}: {Describe(r)} lies outside the patch's segments.");
            }
            ulong place = address + r.Offset;
            Span<byte> where = content.AsSpan((int)r.Offset, width);
            if (r.Type == X64Relocation.Irelative)
            {
                indirect.Add((r.Offset, address - image.FirstAddress + (ulong)r.Addend));
                continue;
            }
            ulong value = Value(image, r, place, address, lookup, indirect, out bool isSigned);
            Store(image, r, where, value, isSigned);
        }
        return indirect;
    }

    private static ulong Value(PatchImage image, in ImageRelocation r, ulong place, ulong address, SymbolLookup lookup,
        List<(ulong, ulong)> indirect, out bool isSigned)
    {
        isSigned = false;
        ulong addend = (ulong)r.Addend;
        switch (r.Type)
        {
            case X64Relocation.Relative:
                return address - image.FirstAddress + addend;
            case X64Relocation.Size32 or X64Relocation.Size64:
                return Find(image, r, lookup).Size + addend;
            case X64Relocation.DtpMod64:
                // Without a symbol it is the patch's own module, and the patch has no TLS of its own.
                return r.Symbol is null ? throw OwnTls(image, r) : Find(image, r, lookup).ModuleId;
            case X64Relocation.DtpOff64:
                return Find(image, r, lookup).TlsOffset + addend;
            case X64Relocation.TpOff64 or X64Relocation.TpOff32:
                isSigned = true;
                if (r.Symbol is null) throw OwnTls(image, r);
                return Find(image, r, lookup).ThreadOffset is { } offset
                    ? (ulong)offset + addend
                    : throw new PatchException(PatchErrorId.RelocationUnsupported,
                        $"{image.Name}: {Describe(r)}: the variable is in a library that was loaded later, and lies elsewhere in "
                        + "each thread. Compile the patch with -ftls-model=global-dynamic.");
        }

        SymbolTarget found = Find(image, r, lookup);
        ulong symbol = found.Address;
        // An IFUNC is what its resolver says, which only the target can tell.
        if (found.IsResolver || r.Symbol is { IsDefined: true, IsIndirect: true })
        {
            if (r.Type is not (X64Relocation.Abs64 or X64Relocation.GlobDat or X64Relocation.JumpSlot)) throw Unsupported(image, r);
            indirect.Add((r.Offset, symbol));
            return 0;
        }
        switch (r.Type)
        {
            case X64Relocation.GlobDat or X64Relocation.JumpSlot:
                return symbol;
            case X64Relocation.Abs64 or X64Relocation.Abs32 or X64Relocation.Abs16 or X64Relocation.Abs8:
                return symbol + addend;
            case X64Relocation.Abs32Signed:
                isSigned = true;
                return symbol + addend;
            case X64Relocation.Pc64 or X64Relocation.Pc32 or X64Relocation.Plt32 or X64Relocation.Pc16 or X64Relocation.Pc8:
                isSigned = true;
                return symbol + addend - place;
            default:
                throw Unsupported(image, r);
        }
    }

    private static SymbolTarget Find(PatchImage image, in ImageRelocation r, SymbolLookup lookup)
    {
        if (r.Symbol is null)
            throw new PatchException(PatchErrorId.PatchFileInvalid, $"{image.Name}: {Describe(r)} has no symbol.");
        if (lookup(r.Symbol) is not { } found) return default;
        bool wantsThreadLocal = r.Type is X64Relocation.DtpMod64 or X64Relocation.DtpOff64 or X64Relocation.TpOff64 or X64Relocation.TpOff32;
        bool isSize = r.Type is X64Relocation.Size32 or X64Relocation.Size64;
        if (found.IsThreadLocal == wantsThreadLocal || isSize) return found;
        throw new PatchException(PatchErrorId.RelocationUnsupported, found.IsThreadLocal
            ? $"{image.Name}: {Describe(r)}: the target's variable is thread-local. Declare it in the patch with __thread."
            : $"{image.Name}: {Describe(r)}: the target's variable is not thread-local. Declare it in the patch without __thread.");
    }

    private static int Width(PatchImage image, in ImageRelocation r) => r.Type switch
    {
        X64Relocation.Abs8 or X64Relocation.Pc8 => 1,
        X64Relocation.Abs16 or X64Relocation.Pc16 => 2,
        X64Relocation.Pc32 or X64Relocation.Plt32 or X64Relocation.Abs32 or X64Relocation.Abs32Signed
            or X64Relocation.Size32 or X64Relocation.TpOff32 => 4,
        X64Relocation.Relative or X64Relocation.Abs64 or X64Relocation.GlobDat or X64Relocation.JumpSlot
            or X64Relocation.DtpMod64 or X64Relocation.DtpOff64 or X64Relocation.TpOff64 or X64Relocation.Pc64
            or X64Relocation.Size64 or X64Relocation.Irelative => 8,
        _ => throw Unsupported(image, r),
    };

    private static void Store(PatchImage image, in ImageRelocation r, Span<byte> where, ulong value, bool isSigned)
    {
        int bits = where.Length * 8;
        long signed = (long)value;
        bool fits = bits == 64 || (isSigned ? signed >= -(1L << (bits - 1)) && signed < 1L << (bits - 1) : value >> bits == 0);
        if (!fits)
        {
            throw new PatchException(PatchErrorId.RelocationUnsupported,
                $"{image.Name}: {Describe(r)} does not fit {bits} bits: what it refers to is too far from the patch. "
                + "Compile the patch with -fPIC.");
        }
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        bytes[..where.Length].CopyTo(where);
    }

    private static PatchException Unsupported(PatchImage image, in ImageRelocation r) => new(PatchErrorId.RelocationUnsupported,
        r.Type == X64Relocation.Copy
            ? $"{image.Name}: {Describe(r)}: a copy relocation belongs in a program, not in a patch. Compile the patch with -shared -fPIC."
            : $"{image.Name}: {Describe(r)} is a relocation that Pannus does not know how to do.");

    private static PatchException OwnTls(PatchImage image, in ImageRelocation r) => new(PatchErrorId.RelocationUnsupported,
        $"{image.Name}: {Describe(r)}: the patch has thread-local variables of its own, for which running threads have no "
        + "room. Use ordinary variables, or those of the target.");

    private static string Describe(in ImageRelocation r) =>
        $"{X64Relocation.Name(r.Type)} at 0x{r.Offset:x}{(r.Symbol is { Name.Length: > 0 } s ? $" ({s.Name})" : "")}";
}
