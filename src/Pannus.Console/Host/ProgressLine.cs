using System.Diagnostics;
using System.Management.Automation;
using Terminal = System.Console;

namespace Pannus.Console.Host;

/// <summary>Progress as one line at the bottom of a terminal's standard error; nothing elsewhere.</summary>
internal sealed class ProgressLine(bool isTerminal)
{
    /// <summary>Often enough to move, seldom enough not to slow the pipeline.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    private readonly Lock gate = new();
    private readonly Stopwatch sinceDrawn = new();
    private bool isDrawn;

    public void Show(ProgressRecord record)
    {
        if (!isTerminal)
            return;
        if (record.RecordType == ProgressRecordType.Completed)
        {
            Clear();
            return;
        }
        lock (gate)
        {
            if (isDrawn && sinceDrawn.Elapsed < Interval)
                return;
            var percent = record.PercentComplete < 0 ? "" : $" {record.PercentComplete}%";
            var text = $"{record.Activity}: {record.StatusDescription}{percent}".ReplaceLineEndings(" ");
            var width = Math.Max(20, Terminal.WindowWidth - 1);
            Terminal.Error.Write($"\r\e[K{(text.Length <= width ? text : text[..width])}");
            isDrawn = true;
            sinceDrawn.Restart();
        }
    }

    /// <summary>Makes room for other output.</summary>
    public void Clear()
    {
        lock (gate)
        {
            if (isDrawn)
                Terminal.Error.Write("\r\e[K");
            isDrawn = false;
        }
    }
}
