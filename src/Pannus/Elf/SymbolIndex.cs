using Pannus.Linux;

namespace Pannus.Elf;

/// <summary>
/// What is known of a symbol table: which symbols have the names that were asked for, and which lie where. It is kept for
/// the process, so that the second patch of a build reads nothing of the table again, and for the file and not for a
/// mapping of it: no file stays open or mapped for it.
/// </summary>
internal sealed class SymbolIndex
{
    private const int MostNames = 1 << 16, MostTables = 64, SmallTable = 1 << 12, FewQuestions = 2;
    private const long MostBytes = 64 << 20;

    /// <summary>The tables that were asked last, the last one first.</summary>
    private static readonly LinkedList<((FileIdentity File, ulong Offset, int Count) Key, SymbolIndex Index)> s_known = [];

    private readonly Dictionary<string, SymbolHit[]> _byName = new(StringComparer.Ordinal);
    private AddressIndex? _byAddress;
    private int _questions;

    /// <summary>The index of a table of <paramref name="count"/> symbols at an offset of a file; a new one where there is none.</summary>
    public static SymbolIndex Of(FileIdentity? file, ulong offset, int count)
    {
        if (file is not { } identity || count == 0) return new SymbolIndex();
        var key = (identity, offset, count);
        lock (s_known)
        {
            var node = s_known.First;
            while (node is not null && node.Value.Key != key) node = node.Next;
            if (node is null) node = new((key, new SymbolIndex()));
            else s_known.Remove(node);
            s_known.AddFirst(node);
            while (s_known.Count > MostTables || (s_known.Count > 1 && s_known.Sum(k => k.Index._byAddress?.Size ?? 0) > MostBytes))
                s_known.RemoveLast();
            return node.Value.Index;
        }
    }

    /// <summary>The symbols by address; null as long as a large table has been asked so little that sorting it would take longer.</summary>
    public AddressIndex? ByAddress(ElfSymbolTable table)
    {
        if (_byAddress is { } known) return known;
        if (table.Count > SmallTable && Interlocked.Increment(ref _questions) <= FewQuestions) return null;
        lock (_byName) return _byAddress ??= new AddressIndex(table);
    }

    /// <summary>
    /// The symbols of each name. <paramref name="search"/> is asked for those of the names that nobody has asked for
    /// before; who asks meanwhile waits for its answer.
    /// </summary>
    public SymbolHit[][] Find(IReadOnlyList<string> names, Func<IReadOnlyList<string>, SymbolHit[][]> search)
    {
        lock (_byName)
        {
            if (_byName.Count + names.Count > MostNames) _byName.Clear();
            string[] unknown = [.. names.Where(n => !_byName.ContainsKey(n))];
            if (unknown.Length > 0)
            {
                SymbolHit[][] found = search(unknown);
                for (int i = 0; i < unknown.Length; i++) _byName[unknown[i]] = found[i];
            }
            return [.. names.Select(n => _byName[n])];
        }
    }
}

/// <summary>A symbol of a name.</summary>
/// <param name="Index">Its index in the table.</param>
/// <param name="File">Index of the STT_FILE symbol that it follows, if it is a local one; else 0.</param>
internal sealed record SymbolHit(int Index, int File);
