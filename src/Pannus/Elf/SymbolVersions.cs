using System.Buffers.Binary;

namespace Pannus.Elf;

/// <summary>GNU symbol versions: <c>.gnu.version</c>, <c>_d</c>, <c>_r</c> (LSB Core, "Symbol Versioning").</summary>
internal sealed class SymbolVersions
{
    private const ushort Hidden = 0x8000, FirstNamed = 2, MostVersions = 0x7fff;

    private readonly ushort[] _indices;
    private readonly Dictionary<int, string> _names = [];

    private SymbolVersions(ushort[] indices) => _indices = indices;

    public static SymbolVersions? Read(ElfImage image, int count)
    {
        if (image.DynamicValue(DynamicTag.VerSym) is not { } address) return null;
        ReadOnlySpan<byte> table = image.VirtualSlice(address, (ulong)count * 2, "DT_VERSYM");
        ushort[] indices = new ushort[count];
        for (int i = 0; i < count; i++) indices[i] = BinaryPrimitives.ReadUInt16LittleEndian(table[(i * 2)..]);
        var versions = new SymbolVersions(indices);
        versions.ReadDefinitions(image);
        versions.ReadNeeds(image);
        return versions;
    }

    public string Of(int symbol, out bool isDefault)
    {
        ushort index = symbol < _indices.Length ? _indices[symbol] : (ushort)0;
        isDefault = (index & Hidden) == 0;
        index &= unchecked((ushort)~Hidden);
        return index < FirstNamed ? "" : _names.GetValueOrDefault(index, "");
    }

    // Elfxx_Verdef: vd_version, vd_flags, vd_ndx, vd_cnt (halves), vd_hash, vd_aux, vd_next; the first aux names it.
    private void ReadDefinitions(ElfImage image)
    {
        if (image.DynamicValue(DynamicTag.VerDef) is not { } at) return;
        ulong count = Math.Min(image.DynamicValue(DynamicTag.VerDefCount) ?? 0, MostVersions);
        for (ulong i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> entry = image.VirtualSlice(at, 20, "a version definition");
            uint aux = BinaryPrimitives.ReadUInt32LittleEndian(entry[12..]), next = BinaryPrimitives.ReadUInt32LittleEndian(entry[16..]);
            uint name = BinaryPrimitives.ReadUInt32LittleEndian(image.VirtualSlice(at + aux, 4, "a version name"));
            _names[BinaryPrimitives.ReadUInt16LittleEndian(entry[4..])] = image.DynamicText(name);
            if (next == 0) return;
            at += next;
        }
    }

    // Elfxx_Verneed: vn_version, vn_cnt (halves), vn_file, vn_aux, vn_next; Vernaux: vna_hash, vna_flags, vna_other, vna_name, vna_next.
    private void ReadNeeds(ElfImage image)
    {
        if (image.DynamicValue(DynamicTag.VerNeed) is not { } at) return;
        ulong count = Math.Min(image.DynamicValue(DynamicTag.VerNeedCount) ?? 0, MostVersions);
        int total = 0;
        for (ulong i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> entry = image.VirtualSlice(at, 16, "a version need");
            int names = BinaryPrimitives.ReadUInt16LittleEndian(entry[2..]);
            ulong aux = at + BinaryPrimitives.ReadUInt32LittleEndian(entry[8..]);
            uint next = BinaryPrimitives.ReadUInt32LittleEndian(entry[12..]);
            for (int k = 0; k < names; k++)
            {
                if (++total > MostVersions) throw image.Invalid("more symbol versions than there are numbers for them");
                ReadOnlySpan<byte> one = image.VirtualSlice(aux, 16, "a version need");
                _names[BinaryPrimitives.ReadUInt16LittleEndian(one[6..]) & ~Hidden] =
                    image.DynamicText(BinaryPrimitives.ReadUInt32LittleEndian(one[8..]));
                uint step = BinaryPrimitives.ReadUInt32LittleEndian(one[12..]);
                if (step == 0) break;
                aux += step;
            }
            if (next == 0) return;
            at += next;
        }
    }
}
