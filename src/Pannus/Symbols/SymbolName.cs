using System.Globalization;
using Pannus.Core;

namespace Pannus.Symbols;

/// <summary>
/// A name as command files and cmdlets take it: <c>libssl.so.3!SSL_read</c> (module), <c>http.c:parse</c> (source file of
/// a local symbol), <c>memcpy@GLIBC_2.14</c> (version), <c>table+0x18</c> (offset), and any mixture.
/// </summary>
internal sealed record SymbolName(string Text, string Module, string File, string Name, string Version, ulong Offset)
{
    /// <summary>Takes a name apart. Error: <see cref="PatchErrorId.CommandInvalid"/>.</summary>
    public static SymbolName Parse(string text)
    {
        string rest = text.Trim();
        string module = "", file = "", version = "";
        ulong offset = 0;
        int at = rest.IndexOf('!');
        // operator! and operator!= are no modules, nor do operator+ and the like have an offset.
        if (at >= 0 && !rest.AsSpan(0, at).EndsWith("operator")) (module, rest) = (rest[..at], rest[(at + 1)..]);
        at = rest.LastIndexOf('+');
        bool hasOffset = at >= 0 && at + 1 < rest.Length && char.IsAsciiDigit(rest[at + 1]);
        bool isWrong = hasOffset && !TryNumber(rest[(at + 1)..], out offset);
        if (hasOffset) rest = rest[..at];
        at = rest.IndexOf('@');
        if (at >= 0) (rest, version) = (rest[..at], rest[at..].TrimStart('@'));
        isWrong |= at >= 0 && version.Length == 0;
        // A C++ scope is no source file.
        at = rest.LastIndexOf(':');
        if (at > 0 && rest[at - 1] != ':' && (at + 1 == rest.Length || rest[at + 1] != ':')) (file, rest) = (rest[..at], rest[(at + 1)..]);
        isWrong |= rest.Length == 0 || char.IsAsciiDigit(rest[0]) || rest[0] is '+' or ':' || rest.Any(char.IsWhiteSpace);
        if (isWrong || text.Contains('\0'))
        {
            throw new PatchException(PatchErrorId.CommandInvalid,
                $"'{text}' is not a symbol name. Names look like func, lib.so.1!func, file.c:func, func@VERSION or table+0x18.");
        }
        return new SymbolName(text, module, file, rest, version, offset);
    }

    private static bool TryNumber(string text, out ulong number) =>
        text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
            ? ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out number)
            : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
