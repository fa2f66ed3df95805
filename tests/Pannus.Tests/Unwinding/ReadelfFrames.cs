using System.Globalization;
using Pannus.Machines;
using Pannus.Tests.Support;
using Pannus.Unwinding;

namespace Pannus.Tests.Unwinding;

/// <summary>Call frame information as readelf understands it: <c>LOC CFA rbx rbp ra</c>, a line for each row.</summary>
internal static class ReadelfFrames
{
    private static readonly string[] s_x64 =
        ["rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "ra"];

    private static readonly string[] s_i386 = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "ra"];

    public sealed record Row(ulong Address, string Cfa, IReadOnlyDictionary<string, string> Rules);

    public static IEnumerable<Row> Read(string file)
    {
        string[] columns = [];
        bool isEntry = false;
        ulong end = 0;
        Row? last = null;
        foreach (string line in Dump(file).Split('\n'))
        {
            string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            bool isRow = isEntry && words.Length > 1 && columns.Length > 0 && ulong.TryParse(words[0], NumberStyles.HexNumber, null, out _)
                && words.Length == columns.Length + 2
                && words is not ([_, _, _, "FDE" or "CIE", ..] or [_, "ZERO", ..]);
            ulong address = isRow ? ulong.Parse(words[0], NumberStyles.HexNumber) : 0;
            // Of rows for one address the last counts.
            if (last is not null && (!isRow || address != last.Address)) yield return last;
            // One behind the function's last instruction is nobody's.
            last = isRow && address < end ? new Row(address, words[1], columns.Zip(words.Skip(2)).ToDictionary(c => c.First, c => c.Second)) : null;
            if (words.Length > 3 && words[3] is "CIE" or "FDE")
            {
                (isEntry, columns) = (words[3] == "FDE", []);
                if (isEntry) end = ulong.Parse(words[^1].Split("..")[1], NumberStyles.HexNumber);
            }
            else if (words.Length > 1 && words[0] == "LOC") columns = words[2..];
        }
        if (last is not null) yield return last;
    }

    // It fails for a file whose debug link it can't follow, after it has printed all.
    private static string Dump(string file) => Gcc.Run("sh", $"-c \"readelf --debug-dump=frames-interp -W {file}; true\"");

    /// <summary>A row of ours in the same words; rules of registers that readelf has no column for are left out.</summary>
    public static string Describe(in FrameRow row, UnwindMachine machine, IEnumerable<string> columns)
    {
        string[] names = machine.WordSize == 8 ? s_x64 : s_i386;
        string cfa = row.Cfa.Kind == RuleKind.Expression ? "exp" : names[row.CfaRegister] + Signed(row.Cfa.Value);
        FrameRow copy = row;
        return cfa + string.Concat(columns.Where(names.Contains).Select(c => $" {c}={Describe(copy[Array.IndexOf(names, c)], names)}"));
    }

    public static string Describe(Row row, UnwindMachine machine)
    {
        string[] names = machine.WordSize == 8 ? s_x64 : s_i386;
        return row.Cfa + string.Concat(row.Rules.Where(r => names.Contains(r.Key)).Select(r => $" {r.Key}={r.Value}"));
    }

    private static string Describe(RegisterRule rule, string[] names) => rule.Kind switch
    {
        RuleKind.None or RuleKind.Undefined => "u",
        RuleKind.SameValue => "s",
        RuleKind.Offset => "c" + Signed(rule.Value),
        RuleKind.ValueOffset => "v" + Signed(rule.Value),
        RuleKind.Register => names[rule.Value],
        RuleKind.Expression => "exp",
        _ => "vexp",
    };

    private static string Signed(int value) => value < 0 ? value.ToString(CultureInfo.InvariantCulture) : $"+{value}";
}
