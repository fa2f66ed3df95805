namespace Pannus.Images;

/// <summary>Type of a command.</summary>
public enum PatchCommandKind
{
    /// <summary>J: jump from a function of the target to one of the patch.</summary>
    Jump,
    /// <summary>V: write bytes over a variable of the target.</summary>
    Variable,
    /// <summary>P: point a pointer of the target at a symbol of the patch.</summary>
    Pointer,
}

/// <summary>One line of a command file.</summary>
/// <param name="Kind">Type.</param>
/// <param name="Target">Symbol of the target, possibly qualified.</param>
/// <param name="Source">Symbol of the patch; empty for a variable.</param>
/// <param name="Data">Bytes for a variable; else empty.</param>
/// <param name="File">File that it stands in.</param>
/// <param name="Line">Line number, from 1.</param>
public sealed record PatchCommand(PatchCommandKind Kind, string Target, string Source, byte[] Data, string File, int Line)
{
    /// <summary>The bytes in lower-case hex.</summary>
    public string Hex => Convert.ToHexString(Data).ToLowerInvariant();
}

/// <summary>All of a command file.</summary>
public sealed record PatchCommandSet
{
    /// <summary>What a patch writes after the name of a function to call the original.</summary>
    internal const string OriginalSuffix = "__original";

    /// <summary><c>name</c>: what the patch is called; empty when not given.</summary>
    public string Name { get; init; } = "";
    /// <summary><c>build-id</c>: the only build that it is for, lower-case hex; empty when not given.</summary>
    public string BuildId { get; init; } = "";
    /// <summary><c>alias</c>: what an undefined name of the patch means.</summary>
    public IReadOnlyDictionary<string, string> Aliases { get; init; } = new Dictionary<string, string>();
    /// <summary><c>requires</c>: ids of patches that must be applied.</summary>
    public IReadOnlyList<string> Requires { get; init; } = [];
    /// <summary><c>replaces</c>: ids of patches that this one takes the place of.</summary>
    public IReadOnlyList<string> Replaces { get; init; } = [];
    /// <summary>The commands in their order.</summary>
    public required IReadOnlyList<PatchCommand> Commands { get; init; }
}
