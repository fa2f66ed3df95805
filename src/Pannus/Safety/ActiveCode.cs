using Pannus.Core;
using Pannus.Holding;
using Pannus.Symbols;
using Pannus.Targets;
using Pannus.Unwinding;

namespace Pannus.Safety;

/// <summary>How a frame inside a function was found.</summary>
public enum FoundBy
{
    /// <summary>There is none.</summary>
    Nothing,
    /// <summary>The stack was unwound to it.</summary>
    Unwound,
    /// <summary>A word of memory may be its return address; there was no way to tell.</summary>
    Scanned,
    /// <summary>A stack could not be looked at whole.</summary>
    Unknown,
}

/// <summary>A thread that is inside a function, told for people.</summary>
/// <param name="ThreadId">The thread; 0 for a stack that is no thread's.</param>
/// <param name="ProgramCounter">Where the thread goes on.</param>
/// <param name="Symbol">The function that it is inside of, <c>name+0x12 (module)</c>.</param>
/// <param name="FoundBy">How it was found.</param>
/// <param name="Backtrace">Its frames, innermost first.</param>
internal sealed record ActiveCode(int ThreadId, ulong ProgramCounter, string Symbol, FoundBy FoundBy, string[] Backtrace)
{
    /// <summary>Names what a check has found.</summary>
    public static ActiveCode From(TargetProcess target, HeldThread thread, SearchResult result, ReadOnlySpan<FoundFrame> frames, int inside,
        (ulong Place, ulong Word)? memory)
    {
        FoundBy found = result switch
        {
            SearchResult.Clear => FoundBy.Nothing,
            SearchResult.Unwound => FoundBy.Unwound,
            SearchResult.Scanned => FoundBy.Scanned,
            _ => FoundBy.Unknown,
        };
        if (thread.Id == 0)
        {
            return memory is not { } word ? new ActiveCode(0, 0, "", found, [])
                : new ActiveCode(0, 0, SymbolAt.DescribeCall(target, word.Word), found,
                    [$"0x{word.Word:x} {SymbolAt.DescribeCall(target, word.Word)} at 0x{word.Place:x}, on no thread's stack"]);
        }
        if (frames.IsEmpty) frames = new FoundFrame[] { new(thread.ProgramCounter, true, false) };
        string[] lines = new string[frames.Length];
        for (int i = 0; i < frames.Length; i++)
        {
            string mark = frames[i].IsGuess ? "  <-- perhaps inside: a word on the stack" : i == inside ? "  <-- inside" : "";
            lines[i] = $"#{i} 0x{frames[i].Address:x} {Name(target, frames[i])}{mark}";
        }
        return new ActiveCode(thread.Id, thread.ProgramCounter, Name(target, frames[Math.Max(inside, 0)]), found, lines);
    }

    /// <summary>The backtrace as the end of a message.</summary>
    public string Lines => string.Concat(Backtrace.Select(l => "\n" + l));

    /// <summary>The refusal that comes of it.</summary>
    public PatchException Refusal(TargetProcess target, int attempts, TimeSpan timeout)
    {
        string who = ThreadId == 0 ? $"A stack of {target.DisplayName} that no thread is on" : $"Thread {ThreadId} of {target.DisplayName}";
        string what = FoundBy switch
        {
            FoundBy.Unwound => $"was inside code to be replaced, at {Symbol}",
            FoundBy.Scanned => $"may return into code to be replaced, at {Symbol}",
            _ => "has a stack that could not be looked at whole",
        };
        string when = attempts > 0 ? $", at each of {attempts} stops in {timeout.TotalSeconds:0.###} s. Try again, or give a longer timeout"
            : ". Resume it and try again";
        return new PatchException(PatchErrorId.FunctionActive, $"{who} {what}{when}. The target is as it was.{Lines}");
    }

    private static string Name(TargetProcess target, FoundFrame frame) =>
        frame.IsExact ? SymbolAt.Describe(target, frame.Address) : SymbolAt.DescribeCall(target, frame.Address);
}
