using Pannus.Backends;
using Pannus.Core;
using Pannus.Images;
using Pannus.Journal;
using Pannus.Symbols;
using Pannus.Targets;

namespace Pannus.Applying;

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
        ITargetBackend selected = BackendSelector.Select(backend);
        using TargetLock hold = TargetLock.Take(target, timeout, cancellation);
        patch.CheckIsFor(target);
        PatchImage image = PatchImageReader.Read(patch);
        var names = new PatchSymbols(target, new SymbolResolver(target, symbols), new Dictionary<string, string>());
        PatchPlacement placement = PatchPlacement.Near(target.Executable, target, image, names);
        var record = JournalRecord.Begin(target, patch, TargetJournal.Read(target).NextSequence, "", patch.FileName);
        PatchLoad load = PatchLoad.Plan(target, patch, placement, [], record);
        TimeSpan pause = Load(target, load, JournalState.Mounted, selected, timeout, cancellation);
        return Describe(target, patch, placement, pause);
    }

    /// <summary>
    /// Unmaps a patch that <see cref="Mount"/> mapped: the one at <paramref name="address"/>, or with 0 the one called
    /// <paramref name="name"/> (with or without its hash). Errors: <see cref="PatchErrorId.SymbolNotFound"/> when there is
    /// none, <see cref="PatchErrorId.SymbolAmbiguous"/> when there are several, <see cref="PatchErrorId.FunctionActive"/> when a jump or a pointer of the target leads into it
    /// (unless <paramref name="force"/>) or a thread is inside or will return into it.
    /// </summary>
    public static TimeSpan Dismount(TargetProcess target, string name, ulong address, BackendKind backend, TimeSpan timeout, bool force,
        CancellationToken cancellation = default)
    {
        ITargetBackend selected = BackendSelector.Select(backend);
        using TargetLock hold = TargetLock.Take(target, timeout, cancellation);
        target.Refresh();
        JournalEntry mounted = FindMounted(target, name, address);
        if (mounted.IsInForce)
        {
            throw new PatchException(PatchErrorId.FunctionActive,
                $"{mounted.Record!.DisplayName} is applied to {target.DisplayName}. Take it back with Undo-LivePatch, which also unmaps it.");
        }
        var use = new PatchUse(target, mounted.Regions);
        if (!force && use.FindLink() is { } link)
        {
            throw new PatchException(PatchErrorId.FunctionActive, $"{mounted.MountName} is in use in {target.DisplayName}: {link} leads "
                + "into it. Undo that first, or use -Force if nothing will ever follow it.");
        }
        if (use.FindThread(selected, timeout, leaveSleepers: false, out _) is { } thread)
        {
            throw new PatchException(PatchErrorId.FunctionActive,
                $"{mounted.MountName} is in use in {target.DisplayName} by {thread}. Nothing was unmapped; try again later.");
        }
        if (cancellation.IsCancellationRequested)
            throw new PatchException(PatchErrorId.Interrupted, $"Interrupted. {mounted.MountName} is still mapped into {target.DisplayName}.");
        return selected.Unmap(target, mounted.Mappings, timeout);
    }

    /// <summary>The patches that are mapped into a target, by whomever; the path and hash are empty when they are not known.</summary>
    public static IReadOnlyList<PatchModule> GetMounted(TargetProcess target) =>
        [.. TargetJournal.Read(target).Entries.Select(m => new PatchModule
        {
            Id = target.Id, Name = m.MountName, Path = m.Record?.Path ?? "", Sha256 = m.Record?.Sha256 ?? "", Address = m.Address,
            Size = m.Regions.Max(r => r.End) - m.Address, LoadPause = TimeSpan.Zero, StartTicks = target.StartTicks,
        })];

    /// <summary>
    /// The symbols that a mapped patch defines, by name or wildcard: of its file as long as that is the same, local ones
    /// included; else of what is in memory, which knows the exported ones.
    /// </summary>
    public static IEnumerable<ResolvedSymbol> Find(TargetProcess target, PatchModule module, string wildcard)
    {
        bool Matches(string name) => System.IO.Enumeration.FileSystemName.MatchesSimpleExpression(wildcard, name, ignoreCase: false);
        IReadOnlyList<MemoryRegion>? regions = MountName.All(target.Map)
            .FirstOrDefault(m => m.Name == module.Name && m.Regions.Any(r => r.Contains(module.Address))).Regions;
        if (regions is null)
        {
            throw new PatchException(PatchErrorId.SymbolNotFound,
                $"{module.Name} is not mapped at 0x{module.Address:x} in {target.DisplayName} any more.");
        }
        if (TryOpen(module) is not { } patch)
        {
            return ModuleScanner.TryReadPatch(target, regions) is { } mapped
                ? new ModuleSymbols(target, mapped, new ResolverOptions()).Find(Matches) : [];
        }
        using (patch)
        {
            return [.. PatchImageReader.Read(patch).Defined.Values.Where(s => Matches(s.Name) && !s.IsThreadLocal)
                .OrderBy(s => s.Value).Select(s => new ResolvedSymbol
                {
                    Id = target.Id,
                    StartTicks = target.StartTicks,
                    Name = s.Name,
                    Address = s.IsAbsolute ? s.Value : module.Address + s.Value,
                    Size = s.Size,
                    Type = s.IsIndirect ? SymbolType.IndirectFunction : s.IsFunction ? SymbolType.Function : SymbolType.Object,
                    IsLocal = false,
                    Module = module.Name,
                    Source = SymbolSource.PatchFile,
                })];
        }
    }

    /// <summary>
    /// Maps all of a patch and fills it, its record last. After an error nothing of it is mapped.
    /// </summary>
    internal static TimeSpan Load(TargetProcess target, PatchLoad load, JournalState state, ITargetBackend backend, TimeSpan timeout,
        CancellationToken cancellation)
    {
        PatchPlacement placement = load.Placement;
        load.CheckLimits(target, backend.Kind);
        TimeSpan pause = backend.Map(target, load.Request, timeout, cancellation);
        try
        {
            foreach (ImageSegment s in placement.Image.Segments)
                Fill(target, placement.Address + s.Start, placement.Content.AsSpan((int)s.Start, (int)s.Length));
            foreach (LongJumpPage page in load.LongJumps) Fill(target, page.Address, page.Code);
            FillIndirect(target, placement, backend, timeout, cancellation);
            Fill(target, load.Journal.Address, JournalSegment.Slots(load.Record));
            load.Journal.Begin(target.WritableMemory, load.Record, state);
            return pause;
        }
        catch
        {
            Unload(target, load.Request, backend, timeout);
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

    internal static PatchModule Describe(TargetProcess target, PatchFile patch, PatchPlacement placement, TimeSpan pause) => new()
    {
        Id = target.Id,
        Name = PatchLoad.NameOf(patch),
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
            Fill(target, placement.Address + offset, placement.Image.Architecture.Word.Bytes(values[Array.IndexOf(resolvers, resolver)]));
    }

    private static JournalEntry FindMounted(TargetProcess target, string name, ulong address)
    {
        JournalEntry[] found = [.. TargetJournal.Read(target).Entries.Where(m => address != 0
            ? m.Regions.Any(r => r.Contains(address))
            : m.MountName == name || MountName.FileName(m.MountName) == name)];
        if (found.Length == 1) return found[0];
        string which = address != 0 ? $"at 0x{address:x}" : $"under the name {name}";
        throw found.Length == 0
            ? new PatchException(PatchErrorId.SymbolNotFound, $"No patch is mapped {which} in {target.DisplayName}.")
            : new PatchException(PatchErrorId.SymbolAmbiguous, $"{found.Length} patches are mapped {which} in {target.DisplayName}, at "
                + $"{string.Join(", ", found.Select(m => $"0x{m.Regions[0].Start:x}"))}. Name one by its address.");
    }

    private static PatchFile? TryOpen(PatchModule module)
    {
        if (module.Path.Length == 0) return null;
        try
        {
            PatchFile patch = PatchFile.Open(module.Path);
            if (patch.Sha256 == module.Sha256) return patch;
            patch.Dispose();
        }
        catch (PatchException)
        {
            // Deleted or replaced since.
        }
        return null;
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
