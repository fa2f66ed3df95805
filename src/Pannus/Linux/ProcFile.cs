using System.Globalization;
using System.Text;

namespace Pannus.Linux;

/// <summary>What proc(5) tells of processes and threads. Files that vanish while they are read count as not there.</summary>
internal static class ProcFile
{
    /// <summary>Reads a small file of /proc whole; null when it is gone or may not be read.</summary>
    public static string? TryRead(string path)
    {
        try
        {
            return File.ReadAllText(path, Encoding.UTF8);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The same, for one that is no text.</summary>
    public static byte[]? TryReadBytes(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>
    /// Field 22 of <c>/proc/PID/stat</c>: start time in clock ticks after boot; null when the process is gone. The
    /// command name in field 2 may hold anything, so fields are counted from the last parenthesis.
    /// </summary>
    public static ulong? StartTicks(int pid)
    {
        string? stat = TryRead($"/proc/{pid}/stat");
        if (stat is null) return null;
        string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return fields.Length > 19 ? ulong.Parse(fields[19], CultureInfo.InvariantCulture) : null;
    }

    /// <summary>Ids of the threads of a process that are there now; empty when it is gone.</summary>
    public static IEnumerable<int> ThreadIds(int pid) => NumericEntries($"/proc/{pid}/task");

    /// <summary>Ids of all processes that are there now.</summary>
    public static IEnumerable<int> ProcessIds() => NumericEntries("/proc");

    /// <summary>Target of a symbolic link of /proc; null when it can't be read.</summary>
    public static string? TryReadLink(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static IEnumerable<int> NumericEntries(string directory)
    {
        IEnumerator<string> entries;
        try
        {
            entries = Directory.EnumerateDirectories(directory).GetEnumerator();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            yield break;
        }

        using (entries)
        {
            while (MoveNext(entries))
            {
                if (int.TryParse(Path.GetFileName(entries.Current.AsSpan()), NumberStyles.None,
                    CultureInfo.InvariantCulture, out int id)) yield return id;
            }
        }
    }

    // A directory of /proc may vanish between two entries.
    private static bool MoveNext(IEnumerator<string> entries)
    {
        try
        {
            return entries.MoveNext();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
