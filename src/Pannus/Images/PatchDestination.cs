using Pannus.Core;

namespace Pannus.Images;

/// <summary>What the J and P commands of a patch may lead to.</summary>
internal static class PatchDestination
{
    /// <summary>
    /// Checks the sources of all commands. Errors: <see cref="PatchErrorId.SymbolNotFound"/> for what the patch does not
    /// define, <see cref="PatchErrorId.CommandInvalid"/> for what is no code (J), or no address that is known (J and P).
    /// </summary>
    public static void Check(PatchImage image, PatchCommandSet commands)
    {
        foreach (PatchCommand c in commands.Commands)
        {
            if (c.Kind == PatchCommandKind.Variable) continue;
            string place = $"{c.File}:{c.Line}: ";
            if (!image.Defined.TryGetValue(c.Source, out ImageSymbol? symbol))
            {
                throw new PatchException(PatchErrorId.SymbolNotFound,
                    $"{place}{image.Name} does not define {c.Source}. Is it static, or compiled away?");
            }
            if (WhyNot(image, symbol, c.Kind) is { } why) throw new PatchException(PatchErrorId.CommandInvalid, place + why);
        }
    }

    private static string? WhyNot(PatchImage image, ImageSymbol symbol, PatchCommandKind kind)
    {
        if (symbol.IsThreadLocal) return $"{symbol.Name} is thread-local, not an address.";
        if (symbol.IsAbsolute)
            return $"{symbol.Name} is an absolute symbol of {image.Name}, a number and no address in it. Name a function or a variable.";
        if (symbol.IsIndirect)
        {
            return $"{symbol.Name} is an IFUNC of {image.Name}: what it stands for is known only when its resolver has run. "
                + "Name the implementation itself.";
        }
        bool isCode = image.Segments.Any(s => s.Access.HasFlag(MemoryAccess.Execute) && symbol.Value - s.Start < s.Length);
        return kind != PatchCommandKind.Jump || isCode ? null
            : $"{symbol.Name} of {image.Name} is data, and J needs a function to jump to. Use P to point a pointer at it.";
    }
}
