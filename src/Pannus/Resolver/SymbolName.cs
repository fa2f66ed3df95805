using System.Globalization;

namespace Pannus.Resolver;

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
        if (at >= 0) (module, rest) = (rest[..at], rest[(at + 1)..]);
        at = rest.LastIndexOf('+');
        // operator+ and the like end in +, or have no number behind it.
        if (at > 0 && TryNumber(rest[(at + 1)..], out ulong number)) (rest, offset) = (rest[..at], number);
        at = rest.IndexOf('@');
        if (at > 0) (rest, version) = (rest[..at], rest[at..].TrimStart('@'));
        // A C++ scope is no source file.
        at = rest.LastIndexOf(':');
        if (at > 0 && rest[at - 1] != ':' && (at + 1 == rest.Length || rest[at + 1] != ':')) (file, rest) = (rest[..at], rest[(at + 1)..]);
        bool isNumber = rest.Length > 0 && char.IsAsciiDigit(rest[0]);
        if (rest.Length == 0 || isNumber || rest.Any(char.IsWhiteSpace) || text.Contains('\0'))
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
