using System.Globalization;

namespace Pannus.PowerShell;

/// <summary>How numbers are shown to people. The format file uses it too.</summary>
public static class DisplayText
{
    /// <summary>An address: <c>0x401136</c>.</summary>
    public static string Hex(ulong value) => "0x" + value.ToString("x", CultureInfo.InvariantCulture);

    /// <summary>Bytes as lower-case hexadecimal digits.</summary>
    public static string Hex(byte[]? bytes) => Convert.ToHexString(bytes ?? []).ToLowerInvariant();

    /// <summary>A time in the unit that suits it: <c>48.2 us</c>, <c>1.2 ms</c>, <c>3 s</c>.</summary>
    public static string Time(TimeSpan time)
    {
        if (time == TimeSpan.Zero) return "0";
        double microseconds = time.TotalMicroseconds;
        (double value, string unit) = Math.Abs(microseconds) switch
        {
            < 1_000 => (microseconds, "us"),
            < 1_000_000 => (microseconds / 1_000, "ms"),
            _ => (microseconds / 1_000_000, "s"),
        };
        return value.ToString("0.#", CultureInfo.InvariantCulture) + " " + unit;
    }

    /// <summary>A number of things: <c>1 jump</c>, <c>2 jumps</c>.</summary>
    internal static string Count(int number, string noun) => $"{number} {noun}{(number == 1 ? "" : "s")}";
}
