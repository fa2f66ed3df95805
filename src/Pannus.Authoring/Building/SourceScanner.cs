namespace Pannus.Authoring.Building;

/// <summary>
/// Reads C and C++ line by line, as far as it takes to know where a directive may stand: not in a comment, not in a raw
/// string, not after a backslash, and not among the arguments of a macro, which may go over several lines.
/// </summary>
internal sealed class SourceScanner
{
    private bool _isInComment, _isContinued, _isDirective;
    private string? _rawEnd; // What ends the raw string.
    private int _depth; // Of parentheses.

    /// <summary>How many #if are open.</summary>
    public int Conditions { get; private set; }

    /// <summary>Whether the last line was an #else, #elif or #endif: the compiler may have passed over what stood before.</summary>
    public bool EndsBranch { get; private set; }

    /// <summary>Whether a directive may stand before the next line.</summary>
    public bool IsBetweenLines => !_isInComment && !_isContinued && _rawEnd is null && _depth == 0;

    public void Read(string line)
    {
        bool wasContinued = _isContinued;
        _isContinued = line.EndsWith('\\');
        if (!wasContinued)
        {
            _isDirective = !_isInComment && _rawEnd is null && line.AsSpan().TrimStart().StartsWith("#");
            ReadDirective(line);
            // A brace or a name at the left edge begins something new, whatever parentheses #if has left open.
            if (!_isInComment && _rawEnd is null && line.Length > 0 && line[0] is '{' or '}') _depth = 0;
        }
        for (int i = 0; i < line.Length;) i = Step(line, i);
        if (_depth < 0) _depth = 0;
    }

    private void ReadDirective(string line)
    {
        EndsBranch = false;
        if (!_isDirective) return;
        ReadOnlySpan<char> word = line.AsSpan().TrimStart()[1..].TrimStart();
        if (word.StartsWith("if")) Conditions++;
        EndsBranch = word.StartsWith("endif") || word.StartsWith("el");
        if (word.StartsWith("endif") && Conditions > 0) Conditions--;
    }

    // Reads one thing and gives where the next one begins.
    private int Step(string line, int i)
    {
        if (_rawEnd is not null) return Close(line, i, _rawEnd, () => _rawEnd = null);
        if (_isInComment) return Close(line, i, "*/", () => _isInComment = false);
        char c = line[i], next = i + 1 < line.Length ? line[i + 1] : '\0';
        switch (c)
        {
            case '/' when next == '/':
                return line.Length;
            case '/' when next == '*':
                _isInComment = true;
                return i + 2;
            case '"' when i > 0 && line[i - 1] == 'R' && RawEnd(line, i) is { } end:
                _rawEnd = end;
                return i + end.Length; // The delimiter and the parenthesis.
            case '"' or '\'' when c == '"' || !IsSeparator(line, i):
                return Quoted(line, i + 1, c);
            // A macro's definition may have one parenthesis only.
            case '(' when !_isDirective:
                _depth++;
                break;
            case ')' when !_isDirective:
                _depth--;
                break;
        }
        return i + 1;
    }

    private static int Close(string line, int i, string end, Action close)
    {
        int at = line.IndexOf(end, i, StringComparison.Ordinal);
        if (at < 0) return line.Length;
        close();
        return at + end.Length;
    }

    private static int Quoted(string line, int i, char quote)
    {
        while (i < line.Length && line[i] != quote) i += line[i] == '\\' ? 2 : 1;
        return i + 1;
    }

    // 1'000'000 has no character constants.
    private static bool IsSeparator(string line, int i) =>
        i > 0 && i + 1 < line.Length && char.IsAsciiHexDigit(line[i - 1]) && char.IsAsciiHexDigit(line[i + 1]);

    private static string? RawEnd(string line, int quote)
    {
        const int longestDelimiter = 16;
        int open = line.IndexOf('(', quote);
        return open < 0 || open - quote - 1 > longestDelimiter ? null : $"){line[(quote + 1)..open]}\"";
    }
}
