using Pannus.Core;
using System.Globalization;
using System.Text;

namespace Pannus.Authoring.Building;

/// <summary>An archive of objects as GNU's ar writes it (ar(5)), thin ones as well.</summary>
internal sealed class ArchiveFile
{
    private const int HeaderSize = 60, NameSize = 16, SizeAt = 48, SizeSize = 10;
    private readonly string _path;
    private readonly byte[] _bytes;
    private readonly bool _isThin;
    private readonly List<(string Name, int Offset, int Size)> _members = [];

    private ArchiveFile(string path)
    {
        _path = path;
        _bytes = File.ReadAllBytes(path);
        _isThin = _bytes.AsSpan().StartsWith("!<thin>\n"u8);
        if (!_isThin && !_bytes.AsSpan().StartsWith("!<arch>\n"u8)) throw Invalid("no archive");
        ReadMembers();
    }

    public static ArchiveFile Read(string path) => new(path);

    /// <summary>The objects of a name: more than one may have it.</summary>
    public IEnumerable<byte[]> Find(string name)
    {
        foreach ((string member, int offset, int size) in _members)
        {
            if (_isThin)
            {
                string path = Path.GetFullPath(member, Path.GetDirectoryName(_path)!);
                if ((member == name || Path.GetFileName(member) == Path.GetFileName(name)) && File.Exists(path)) yield return File.ReadAllBytes(path);
            }
            else if (member == name)
            {
                yield return _bytes[offset..(offset + size)];
            }
        }
    }

    private void ReadMembers()
    {
        string longNames = "";
        for (int at = 8; at + HeaderSize <= _bytes.Length;)
        {
            string name = Text(at, NameSize).TrimEnd(), length = Text(at + SizeAt, SizeSize).Trim();
            if (!int.TryParse(length, NumberStyles.None, CultureInfo.InvariantCulture, out int size)) throw Invalid($"a member at {at} of no size");
            int content = at + HeaderSize;
            bool isTable = name is "/" or "//" or "/SYM64/";
            bool isHere = isTable || !_isThin;
            if (isHere && size > _bytes.Length - content) throw Invalid("cut short");
            if (name == "//") longNames = Text(content, size);
            else if (!isTable) AddMember(name, content, size, longNames);
            at = content + (isHere ? size + (size & 1) : 0);
        }
    }

    // "/123" is an offset in the table of long names, "#1/20" a name of 20 bytes before the content (BSD).
    private void AddMember(string name, int content, int size, string longNames)
    {
        if (name.StartsWith("#1/", StringComparison.Ordinal) && int.TryParse(name[3..], out int length) && length <= size)
        {
            _members.Add((Text(content, length).TrimEnd('\0'), content + length, size - length));
            return;
        }
        if (name.Length > 1 && name[0] == '/' && int.TryParse(name[1..], out int offset) && offset < longNames.Length)
        {
            int end = longNames.IndexOf('\n', offset);
            name = longNames[offset..(end < 0 ? longNames.Length : end)];
        }
        _members.Add((name.TrimEnd('/'), content, size));
    }

    private string Text(int offset, int length) => Encoding.Latin1.GetString(_bytes, offset, length);

    private PatchException Invalid(string what) => new(PatchErrorId.PatchFileInvalid, $"{_path}: {what}.");
}
