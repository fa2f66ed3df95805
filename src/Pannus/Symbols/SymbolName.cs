using System.Globalization;
using Pannus.Core;

namespace Pannus.Symbols;

/// <summary>
/// A name as command files and cmdlets take it: <c>libssl.so.3!SSL_read</c> (module by name, path, end of a path or build id),
/// <c>libx.so~2!f</c> (the second module of that name), <c>http.c:parse</c> (source file of a local symbol), <c>http.c:parse~2</c>
/// (the second of them by address), <c>memcpy@GLIBC_2.14</c> (version), <c>table+0x18</c> (offset), any mixture, and
/// <c>module+0x1234</c> or <c>module!+0x1234</c> (address as its file has it).
/// </summary>
internal sealed record SymbolName(string Text, string Module, string File, string Name, string Version, ulong Offset)
{
    /// <summary>Which of several modules of that name, from 1; 0 when the name does not say.</summary>
    public int ModuleIndex { get; init; }

    /// <summary>Which of several symbols of that name, from 1 in the order of addresses; 0 when the name does not say.</summary>
    public int Index { get; init; }

    /// <summary>Whether it is an address of a module: no name, only an offset.</summary>
    public bool IsAddress => Name.Length == 0;

    /// <summary>
    /// The address of a module that the same text names when there is no such symbol: <c>memcached+0x1234</c>; null when it
    /// can't be one.
    /// </summary>
    public SymbolName? AsAddress() => Offset > 0 && Module.Length == 0 && File.Length == 0 && Version.Length == 0 && Name.Length > 0
        ? new SymbolName(Text, Name, "", "", "", Offset) { ModuleIndex = Index } : null;

    /// <summary>The modules that a text means which may end in a number.</summary>
    public static SymbolName ModuleOnly(string text)
    {
        (string module, int index) = SplitIndex(text);
        return new SymbolName(text, module, "", "", "", 0) { ModuleIndex = index };
    }

    /// <summary>Takes a name apart. Error: <see cref="PatchErrorId.CommandInvalid"/>.</summary>
    public static SymbolName Parse(string text)
    {
        string rest = text.Trim();
        string module = "", file = "", version = "";
        ulong offset = 0;
        int at = rest.IndexOf('!'), moduleIndex = 0;
        // operator! and operator!= are no modules, nor do operator+ and the like have an offset.
        if (at >= 0 && !rest.AsSpan(0, at).EndsWith("operator")) (module, rest) = (rest[..at], rest[(at + 1)..]);
        bool hasModule = module.Length > 0;
        if (hasModule) (module, moduleIndex) = SplitIndex(module);
        at = rest.LastIndexOf('+');
        bool hasOffset = at >= 0 && at + 1 < rest.Length && char.IsAsciiDigit(rest[at + 1]);
        bool isWrong = hasOffset && !TryNumber(rest[(at + 1)..], out offset);
        if (hasOffset) rest = rest[..at];
        bool isAddress = hasModule && hasOffset && rest.Length == 0;
        at = rest.IndexOf('@');
        if (at >= 0) (rest, version) = (rest[..at], rest[at..].TrimStart('@'));
        isWrong |= at >= 0 && version.Length == 0;
        // A C++ scope is no source file.
        at = rest.LastIndexOf(':');
        if (at > 0 && rest[at - 1] != ':' && (at + 1 == rest.Length || rest[at + 1] != ':')) (file, rest) = (rest[..at], rest[(at + 1)..]);
        (rest, int index) = SplitIndex(rest);
        isWrong |= !isAddress && (rest.Length == 0 || char.IsAsciiDigit(rest[0]) || rest[0] is '+' or ':' || rest.Any(char.IsWhiteSpace));
        if (isWrong || text.Contains('\0'))
        {
            throw new PatchException(PatchErrorId.CommandInvalid, $"'{text}' is not a symbol name. Names look like func, lib.so.1!func, "
                + "/path/lib.so.1!func, file.c:func, func~2, func@VERSION, table+0x18 or lib.so.1+0x1234.");
        }
        return new SymbolName(text, module, file, rest, version, offset) { ModuleIndex = moduleIndex, Index = index };
    }

    // "name~2": a number behind the last tilde. ~ alone is a part of a name, as of a destructor's.
    private static (string Name, int Index) SplitIndex(string text)
    {
        int at = text.LastIndexOf('~');
        return at > 0 && int.TryParse(text.AsSpan(at + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int index) && index > 0
            ? (text[..at], index) : (text, 0);
    }

    private static bool TryNumber(string text, out ulong number) =>
        text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
            ? ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out number)
            : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
