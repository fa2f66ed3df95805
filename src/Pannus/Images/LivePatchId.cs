using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Pannus.Images;

/// <summary>
/// The id of a live patch: the first 12 hex digits of the SHA-256 of what it does, which is the contents of the patch file
/// and the commands. Where the files lie and what the patch is called do not matter, nor do comments and blank space.
/// </summary>
internal static class LivePatchId
{
    private const int Length = 12;

    public static string Of(PatchFile patch, PatchCommandSet commands)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"patch {patch.Sha256}\n");
        foreach (PatchCommand c in commands.Commands)
            text.Append(CultureInfo.InvariantCulture, $"{c.Kind} {c.Target} {c.Source} {c.Hex}\n");
        foreach ((string name, string symbol) in commands.Aliases.OrderBy(a => a.Key, StringComparer.Ordinal))
            text.Append(CultureInfo.InvariantCulture, $"alias {name} {symbol}\n");
        foreach (string id in commands.Requires) text.Append(CultureInfo.InvariantCulture, $"requires {id}\n");
        foreach (string id in commands.Replaces) text.Append(CultureInfo.InvariantCulture, $"replaces {id}\n");
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString()));
        return Convert.ToHexString(hash)[..Length].ToLowerInvariant();
    }
}
