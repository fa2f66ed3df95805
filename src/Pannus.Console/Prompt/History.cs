namespace Pannus.Console.Prompt;

/// <summary>The lines typed before, kept from session to session.</summary>
internal sealed class History
{
    private const int Kept = 1000;

    private static readonly string FilePath = Path.Join(
        Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData), "pannus", "history");

    private readonly List<string> lines = Load();
    private int position;
    private string draft = "";

    public void Rewind() => (position, draft) = (lines.Count, "");

    public string Older(string current)
    {
        if (position == lines.Count)
            draft = current;
        position = Math.Max(0, position - 1);
        return position < lines.Count ? lines[position] : draft;
    }

    public string Newer()
    {
        position = Math.Min(lines.Count, position + 1);
        return position < lines.Count ? lines[position] : draft;
    }

    public void Add(string line)
    {
        if (string.IsNullOrWhiteSpace(line) || lines is [.., var last] && last == line)
            return;
        lines.Add(line);
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(FilePath)!);
            File.AppendAllText(FilePath, line + "\n");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // A home that can't be written costs the history of later sessions, nothing else.
        }
    }

    private static List<string> Load()
    {
        try
        {
            return File.ReadLines(FilePath).TakeLast(Kept).ToList();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
