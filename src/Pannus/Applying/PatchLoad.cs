using Pannus.Backends;
using Pannus.Core;
using Pannus.Images;
using Pannus.Journal;
using Pannus.Targets;

namespace Pannus.Applying;

/// <summary>Everything of one patch that is mapped into a target, each with its place: image, long-jump pages and record.</summary>
internal sealed record PatchLoad
{
    private const int HashLength = 12;

    private PatchLoad(MapRequest request, PatchPlacement placement, IReadOnlyList<LongJumpPage> longJumps, JournalSegment journal, byte[] record) =>
        (Request, Placement, LongJumps, Journal, Record) = (request, placement, longJumps, journal, record);

    /// <summary>The mappings.</summary>
    public MapRequest Request { get; }
    /// <summary>The image.</summary>
    public PatchPlacement Placement { get; }
    /// <summary>The long-jump pages.</summary>
    public IReadOnlyList<LongJumpPage> LongJumps { get; }
    /// <summary>Where the record goes.</summary>
    public JournalSegment Journal { get; }
    /// <summary>The record's bytes.</summary>
    public byte[] Record { get; }

    /// <summary>Finds a place for the record. Errors: <see cref="PatchErrorId.NoAddressSpace"/>.</summary>
    public static PatchLoad Plan(TargetProcess target, PatchFile patch, PatchPlacement placement, IReadOnlyList<LongJumpPage> longJumps,
        JournalRecord record)
    {
        byte[] bytes = JournalFormat.Encode(record);
        ulong size = JournalSegment.SizeOf(bytes);
        var image = new AddressRange(placement.Address, placement.Image.Size);
        MemoryMap map = target.Map.With(longJumps.Select(i => new AddressRange(i.Address, (ulong)i.Code.Length)).Append(image));
        ulong address = AddressSpace.FindGap(target.Architecture, map, image, size, Page.Size) ?? throw new PatchException(PatchErrorId.NoAddressSpace,
            $"There is no gap of {size >> 10} KiB in {target.DisplayName} for the record of {placement.Image.Name}.");
        var journal = new JournalSegment(address, size);

        // Behind the image in the memfd: the long-jump pages, then the record, which is known by being the last.
        ulong next = placement.Image.Size;
        List<MapSegment> segments = [.. placement.Segments];
        foreach (LongJumpPage page in longJumps)
        {
            segments.Add(new MapSegment(page.Address, (ulong)page.Code.Length, next, MemoryAccess.Read | MemoryAccess.Execute));
            next += (ulong)page.Code.Length;
        }
        segments.Add(new MapSegment(address, size, next, MemoryAccess.Read));
        return new PatchLoad(new MapRequest(NameOf(patch, record.LivePatchId), segments), placement, longJumps, journal, bytes);
    }

    /// <summary>
    /// Throws when to map it would end the target by a signal. Error: <see cref="PatchErrorId.NoAddressSpace"/>.
    /// </summary>
    public void CheckLimits(TargetProcess target, BackendKind backend) =>
        TargetLimits.CheckCanMap(target, Request, maker: backend == BackendKind.Kernel ? Environment.ProcessId : target.Id);

    /// <summary>The name that a patch's mappings bear; of one that is only mounted with the beginning of the file's hash for an id.</summary>
    public static string NameOf(PatchFile patch, string livePatchId = "") =>
        MountName.Of(patch.FileName, livePatchId.Length > 0 ? livePatchId : patch.Sha256[..HashLength]);
}
