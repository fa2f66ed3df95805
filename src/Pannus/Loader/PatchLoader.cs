using Pannus.Controller;
using Pannus.Resolver;
using Pannus.Target;

namespace Pannus.Loader;

/// <summary>Puts patch files into targets, and takes them out again. The target runs meanwhile but for one short stop of one thread.</summary>
public static class PatchLoader
{
    /// <summary>
    /// Maps a patch near the program of the target and relocates it; nothing calls it yet. Errors: those of
    /// <see cref="PatchFile.Open"/> and of the resolver, <see cref="PatchErrorId.RelocationUnsupported"/>,
    /// <see cref="PatchErrorId.ConstructorUnsupported"/>, <see cref="PatchErrorId.NoAddressSpace"/>,
    /// <see cref="PatchErrorId.SeccompBlocked"/>, <see cref="PatchErrorId.StopTimeout"/>. After an error nothing is mapped.
    /// </summary>
    public static PatchModule Mount(TargetProcess target, PatchFile patch, ResolverOptions symbols, BackendKind backend,
        TimeSpan timeout, CancellationToken cancellation = default)
    {
        ITargetBackend selected = Backends.Select(backend);
        using TargetLock hold = TargetLock.Take(target, timeout, cancellation);
        PatchImage image = PatchImageReader.Read(patch);
        var names = new PatchSymbols(target, new SymbolResolver(target, symbols), new Dictionary<string, string>());
        PatchPlacement placement = PatchPlacement.Near(target.Executable, target, image, names);
        TimeSpan pause = Load(target, patch, placement, [], selected, timeout, cancellation);
        return Describe(target, patch, placement, pause);
    }

    /// <summary>
    /// Unmaps a patch that <see cref="Mount"/> mapped. Errors: <see cref="PatchErrorId.SymbolNotFound"/> when no patch is
    /// mapped there, <see cref="PatchErrorId.FunctionActive"/> when a jump or a pointer of the target leads into it
    /// (unless <paramref name="force"/>) or a thread is inside or will return into it.
    /// </summary>
    public static void Dismount(TargetProcess target, ulong address, BackendKind backend, TimeSpan timeout, bool force,
        CancellationToken cancellation = default)
    {
        ITargetBackend selected = Backends.Select(backend);
        using TargetLock hold = TargetLock.Take(target, timeout, cancellation);
        target.Refresh();
        (string name, IReadOnlyList<MemoryRegion> regions) = MountName.All(target.Map)
            .FirstOrDefault(m => m.Regions.Any(r => r.Contains(address)));
        if (regions is null)
        {
            throw new PatchException(PatchErrorId.SymbolNotFound,
                $"No patch is mapped at 0x{address:x} in {target.DisplayName}.");
        }
        var use = new PatchUse(target, regions);
        if (!force) use.CheckNotReferenced(name);
        use.CheckNotActive(name, selected, timeout);
        if (cancellation.IsCancellationRequested)
            throw new PatchException(PatchErrorId.Interrupted, $"Interrupted. {name} is still mapped into {target.DisplayName}.");
        selected.Unmap(target, new MapRequest(name, [.. regions.Select(r => new MapSegment(r.Start, r.Size, r.Offset, r.Access))]), timeout);
    }

    /// <summary>The patches that are mapped into a target, by whomever; the path and whole hash are not known then.</summary>
    public static IReadOnlyList<PatchModule> GetMounted(TargetProcess target) =>
        [.. MountName.All(target.Map).Select(m => new PatchModule
        {
            Id = target.Id, Name = m.Name, Path = "", Sha256 = "", Address = m.Regions.Min(r => r.Start),
            Size = m.Regions.Max(r => r.End) - m.Regions.Min(r => r.Start), LoadPause = TimeSpan.Zero, StartTicks = target.StartTicks,
        })];

    /// <summary>
    /// Maps what <paramref name="placement"/> and <paramref name="islands"/> need and fills it. After an error nothing of
    /// it is mapped.
    /// </summary>
    internal static TimeSpan Load(TargetProcess target, PatchFile patch, PatchPlacement placement,
        IReadOnlyList<Island> islands, ITargetBackend backend, TimeSpan timeout, CancellationToken cancellation)
    {
        MapRequest request = RequestOf(patch, placement, islands);
        TimeSpan pause = backend.Map(target, request, timeout, cancellation);
        try
        {
            foreach (ImageSegment s in placement.Image.Segments)
                Fill(target, placement.Address + s.Start, placement.Content.AsSpan((int)s.Start, (int)s.Length));
            foreach (Island island in islands) Fill(target, island.Address, island.Code);
            FillIndirect(target, placement, backend, timeout, cancellation);
            return pause;
        }
        catch
        {
            Unload(target, request, backend, timeout);
            throw;
        }
    }

    /// <summary>Unmaps what nothing has ever led to.</summary>
    internal static void Unload(TargetProcess target, MapRequest request, ITargetBackend backend, TimeSpan timeout)
    {
        try
        {
            if (target.IsAlive) backend.Unmap(target, request, timeout);
        }
        catch (PatchException)
        {
            // What led here is the error that counts. The mapping stays, unused, and Get-PatchTarget counts it.
        }
    }

    /// <summary>All mappings of a patch, islands behind the image in the memfd.</summary>
    internal static MapRequest RequestOf(PatchFile patch, PatchPlacement placement, IReadOnlyList<Island> islands)
    {
        ulong next = placement.Image.Size;
        List<MapSegment> segments = [.. placement.Segments];
        foreach (Island island in islands)
        {
            segments.Add(new MapSegment(island.Address, (ulong)island.Code.Length, next, MemoryAccess.Read | MemoryAccess.Execute));
            next += (ulong)island.Code.Length;
        }
        return new MapRequest(MountName.Of(patch), segments);
    }

    internal static PatchModule Describe(TargetProcess target, PatchFile patch, PatchPlacement placement, TimeSpan pause) => new()
    {
        Id = target.Id,
        Name = MountName.Of(patch),
        Path = patch.Path,
        Sha256 = patch.Sha256,
        Address = placement.Address,
        Size = placement.Image.Size,
        LoadPause = pause,
        StartTicks = target.StartTicks,
    };

    private static void FillIndirect(TargetProcess target, PatchPlacement placement, ITargetBackend backend,
        TimeSpan timeout, CancellationToken cancellation)
    {
        if (placement.Indirect.Count == 0) return;
        ulong[] resolvers = [.. placement.Indirect.Select(i => i.Resolver).Distinct()];
        IReadOnlyList<ulong> values = backend.CallResolvers(target, resolvers, timeout, cancellation);
        foreach ((ulong offset, ulong resolver) in placement.Indirect)
            Fill(target, placement.Address + offset, BitConverter.GetBytes(values[Array.IndexOf(resolvers, resolver)]));
    }

    // Fresh pages are zero already: the .bss of a patch need not be written, and so takes no memory before it is used.
    private static void Fill(TargetProcess target, ulong address, ReadOnlySpan<byte> content)
    {
        int length = content.LastIndexOfAnyExcept((byte)0) + 1;
        if (length == 0) return;
        content = content[..length];
        if (target.WritableMemory.Write(address, content) == length)
        {
            byte[] found = new byte[length];
            if (target.Memory.Read(address, found) == length && content.SequenceEqual(found)) return;
        }
        target.CheckStillThere();
        throw new PatchException(PatchErrorId.MemoryInaccessible,
            $"The patch's memory at 0x{address:x} in {target.DisplayName} could not be filled through /proc/{target.ViewId}/mem.");
    }
}
