using Pannus.Core;
using Pannus.Targets;

namespace Pannus.Images;

/// <summary>A patch that has its place in a target and is relocated for it, in our own memory. Nothing is mapped yet.</summary>
internal sealed record PatchPlacement
{
    public required PatchImage Image { get; init; }
    /// <summary>Where the first page goes.</summary>
    public required ulong Address { get; init; }
    /// <summary>Relocated bytes.</summary>
    public required byte[] Content { get; init; }
    /// <summary>Places that are to hold what an IFUNC resolver returns, as offsets, with the resolver's address.</summary>
    public required IReadOnlyList<(ulong Offset, ulong Resolver)> Indirect { get; init; }

    /// <summary>Address of a symbol that the patch defines; null when it defines none of that name.</summary>
    public ulong? Find(string name) =>
        Image.Defined.TryGetValue(name, out ImageSymbol? symbol) && !symbol.IsThreadLocal
            ? symbol.IsAbsolute ? symbol.Value : Address + symbol.Value : null;

    /// <summary>The mappings.</summary>
    public IEnumerable<MapSegment> Segments =>
        Image.Segments.Select(s => new MapSegment(Address + s.Start, s.Length, s.Start, s.Access));

    /// <summary>Finds a place near a module and relocates. Errors as of <see cref="Relocator"/>, and NoAddressSpace.</summary>
    public static PatchPlacement Near(TargetModule module, TargetProcess target, PatchImage image, PatchSymbols symbols)
    {
        // Code that is not position-independent refers to addresses below 2 GiB.
        ulong limit = image.NeedsLowAddress ? 1ul << 31 : ulong.MaxValue;
        ulong address = AddressSpace.FindGap(image.Architecture,
            target.Map, new(module.Start, module.End - module.Start), image.Size, image.Alignment, limit)
            ?? throw new PatchException(PatchErrorId.NoAddressSpace,
                $"There is no gap of {image.Size >> 10} KiB within 2 GiB of {module.Name} in {target.DisplayName} for {image.Name}.");
        return At(address, image, symbols);
    }

    /// <summary>Relocates for a given place.</summary>
    public static PatchPlacement At(ulong address, PatchImage image, PatchSymbols symbols)
    {
        byte[] content = image.Content.ToArray();
        return new PatchPlacement
        {
            Image = image,
            Address = address,
            Content = content,
            Indirect = Relocator.Relocate(image, content, address, symbol => symbols.Find(symbol, image, address)),
        };
    }
}
