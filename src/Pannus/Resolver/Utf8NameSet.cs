using System.Text;

namespace Pannus.Resolver;

/// <summary>
/// A set of names that is asked with the bytes of a symbol table, so that no string is made for each of a million symbols.
/// </summary>
internal sealed class Utf8NameSet
{
    private readonly Dictionary<int, List<byte[]>> _byHash = [];

    public Utf8NameSet(IEnumerable<string> names)
    {
        foreach (string name in names)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(name);
            int hash = Hash(bytes);
            if (!_byHash.TryGetValue(hash, out List<byte[]>? list)) _byHash[hash] = list = [];
            list.Add(bytes);
        }
    }

    public bool Contains(ReadOnlySpan<byte> name)
    {
        if (!_byHash.TryGetValue(Hash(name), out List<byte[]>? list)) return false;
        foreach (byte[] candidate in list)
            if (name.SequenceEqual(candidate)) return true;
        return false;
    }

    // Ends, middle and length tell names apart well enough; what collides is compared.
    private static int Hash(ReadOnlySpan<byte> name) => name.IsEmpty ? 0
        : name.Length | name[0] << 8 | name[^1] << 16 | name[name.Length / 2] << 24;
}
