using System.Globalization;

namespace Pannus.Linux;

/// <summary>Who runs this process, as a record for others: <c>alice as root, pwsh (25038)</c>.</summary>
internal static class Caller
{
    private const string NoLogin = "4294967295";
    private const int LongestName = 32;

    /// <summary>One line for people.</summary>
    public static string Describe()
    {
        string user = Environment.UserName, typed = LoginName() ?? user;
        string who = typed == user ? user : $"{typed} as {user}";
        return string.Create(CultureInfo.InvariantCulture, $"{who}, {Command()} ({Environment.ProcessId})");
    }

    // The host of a managed program bears its own name; who looks at a process list later wants the program's.
    private static string Command()
    {
        string host = Path.GetFileName(Environment.ProcessPath) ?? "";
        string program = Path.GetFileName(Environment.GetCommandLineArgs().FirstOrDefault() ?? "");
        return host == "dotnet" && program.EndsWith(".dll", StringComparison.Ordinal) ? program[..^4] : host;
    }

    // The kernel keeps who logged in through every sudo and su. Where nothing sets that, sudo says who called it.
    private static string? LoginName()
    {
        string login = ProcFile.TryRead("/proc/self/loginuid")?.Trim() ?? NoLogin;
        string? name = login is NoLogin or "" ? Environment.GetEnvironmentVariable("SUDO_USER") : NameOf(login);
        return name is { Length: > 0 and <= LongestName } && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_')
            ? name : null;
    }

    private static string? NameOf(string userId)
    {
        foreach (string line in (ProcFile.TryRead("/etc/passwd") ?? "").Split('\n'))
            if (line.Split(':') is [var name, _, var id, ..] && id == userId) return name;
        return null;
    }
}
