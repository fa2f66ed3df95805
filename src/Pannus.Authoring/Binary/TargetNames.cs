using System.Globalization;
using Pannus.Elf;

namespace Pannus.Authoring.Binary;

/// <summary>
/// How commands name what lies at an address of the target: by a name that means only that there, qualified by the
/// source file where it must be, and else by the address as the file has it.
/// </summary>
internal sealed class TargetNames
{
    private readonly Dictionary<string, List<(ulong Address, bool IsLocal, string File)>> _symbols =
        new(StringComparer.Ordinal);
    private readonly HashSet<string> _exported = new(StringComparer.Ordinal);
    private readonly string _prefix, _module;

    public TargetNames(ElfImage file, bool isLibrary)
    {
        // A module goes by its build id, too, and then the patch is for no other build of the library.
        string fileName = file.DisplayName[(file.DisplayName.LastIndexOf('/') + 1)..];
        _module = file.BuildId.Length > 0 ? file.BuildId : file.SoName.Length > 0 ? file.SoName : fileName;
        // The program comes first when a name is looked up.
        _prefix = isLibrary ? _module + "!" : "";
        foreach (ElfSymbol s in file.DynamicSymbols)
        {
            if (!s.IsDefined || !s.IsEntity) continue;
            Add(s.Name, s, "");
            if (!s.IsLocal && !s.IsHidden) _exported.Add(s.Name);
        }
        string source = "";
        foreach (ElfSymbol s in file.SymbolTable)
        {
            if (s.Type == ElfSymbolType.File) source = s.Name;
            else if (s.IsDefined && s.IsEntity && !s.IsCommon) Add(s.Name, s, s.IsLocal ? source : "");
        }
    }

    public bool IsExported(string name) => _exported.Contains(name);

    public string Of(IReadOnlyList<string> names, string source, ulong address)
    {
        foreach (string name in names.Where(IsPlain))
            if (IsOnly(name, "", address)) return _prefix + name;
        if (IsPlain(source))
        {
            foreach (string name in names.Where(IsPlain))
                if (IsOnly(name, source, address)) return $"{_prefix}{source}:{name}";
        }
        return string.Create(CultureInfo.InvariantCulture, $"{_module}!+0x{address:x}");
    }

    private void Add(string name, in ElfSymbol s, string source)
    {
        int at = name.IndexOf('@');
        if (at > 0) name = name[..at];
        if (name.Length == 0) return;
        if (!_symbols.TryGetValue(name, out List<(ulong, bool, string)>? same)) _symbols[name] = same = [];
        same.Add((s.Value, s.IsLocal, source));
    }

    private bool IsOnly(string name, string source, ulong address)
    {
        if (!_symbols.TryGetValue(name, out List<(ulong Address, bool IsLocal, string File)>? all)) return false;
        // As names are resolved: of those that fit, a global one before local ones.
        var fitting = all.Where(s => source.Length == 0 || s.File == source).ToList();
        if (fitting.Any(s => !s.IsLocal)) fitting.RemoveAll(s => s.IsLocal);
        return fitting.Count > 0 && fitting.All(s => s.Address == address);
    }

    private static bool IsPlain(string name) => name.Length > 0 && !char.IsAsciiDigit(name[0])
        && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '$' or '-');
}
