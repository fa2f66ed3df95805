using System.Globalization;
using Pannus.Core;

namespace Pannus.Linux;

/// <summary>The fields of <c>/proc/PID/status</c> that decide whether and how a process can be patched (proc(5)).</summary>
internal sealed record ProcessStatus
{
    public required string Name { get; init; }
    /// <summary>State letter: R, S, D, T, t, Z, X.</summary>
    public required char State { get; init; }
    public required int ThreadGroupId { get; init; }
    /// <summary>Process that traces this one; 0 when none does.</summary>
    public required int TracerId { get; init; }
    public required int EffectiveUserId { get; init; }
    public required int Threads { get; init; }
    /// <summary>0 none, 1 strict, 2 filter.</summary>
    public required int Seccomp { get; init; }
    /// <summary>
    /// Signals pending for this thread and for the process that it has not blocked and that will do something; bit 0 is
    /// signal 1.
    /// </summary>
    public required ulong DeliverableSignals { get; init; }
    /// <summary>Signals that do nothing when they arrive: ignored, or by default and without a handler (signal(7)).</summary>
    public required ulong DiscardedSignals { get; init; }
    /// <summary>Whether user shadow stacks are on, which a hijacked return would violate.</summary>
    public required bool HasShadowStack { get; init; }
    /// <summary>Whether it has an address space; kernel threads have none.</summary>
    public required bool HasAddressSpace { get; init; }

    // SIGCHLD, SIGCONT, SIGURG, SIGWINCH.
    private const ulong IgnoredByDefault = 1ul << 16 | 1ul << 17 | 1ul << 22 | 1ul << 27;

    /// <summary>Reads the status of a process, or of a thread by its own id; null when it is gone.</summary>
    public static ProcessStatus? TryRead(int id) =>
        ProcFile.TryRead($"/proc/{id}/status") is { Length: > 0 } text ? Parse(text) : null;

    private static ProcessStatus Parse(string text)
    {
        var fields = new Dictionary<string, string>(64, StringComparer.Ordinal);
        foreach (string line in text.Split('\n'))
        {
            int colon = line.IndexOf(':');
            if (colon > 0) fields[line[..colon]] = line[(colon + 1)..].Trim();
        }

        ulong pending = Hex("SigPnd") | Hex("ShdPnd"), discarded = Hex("SigIgn") | (IgnoredByDefault & ~Hex("SigCgt"));
        return new ProcessStatus
        {
            Name = TargetText.Clean(fields.GetValueOrDefault("Name", "")),
            State = fields.GetValueOrDefault("State", "?")[0],
            ThreadGroupId = Number("Tgid", 0),
            TracerId = Number("TracerPid", 0),
            EffectiveUserId = Number("Uid", 1),
            Threads = Number("Threads", 0),
            Seccomp = Number("Seccomp", 0),
            DeliverableSignals = pending & ~Hex("SigBlk") & ~discarded,
            DiscardedSignals = discarded,
            HasShadowStack = fields.GetValueOrDefault("x86_Thread_features", "").Contains("shstk"),
            HasAddressSpace = fields.ContainsKey("VmSize"),
        };

        int Number(string name, int column) => fields.TryGetValue(name, out string? value)
            && value.Split('\t', ' ') is var columns && column < columns.Length
            && int.TryParse(columns[column], CultureInfo.InvariantCulture, out int number) ? number : 0;

        ulong Hex(string name) => fields.TryGetValue(name, out string? value)
            && ulong.TryParse(value, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong number) ? number : 0;
    }
}
