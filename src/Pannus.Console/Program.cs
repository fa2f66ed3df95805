using System.Reflection;
using System.Runtime.InteropServices;
using Pannus.Console.Prompt;

namespace Pannus.Console;

/// <summary><c>pannus</c>: the PowerShell engine with the Pannus module, for machines without <c>pwsh</c>.</summary>
internal static class Program
{
    private const int Done = 0;
    private const int Refused = 1;
    private const int WrongArguments = 2;
    private const int StoppedBySigint = 128 + 2;

    public static string Version { get; } =
        typeof(Program).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!
            .InformationalVersion.Split('+')[0];

    private static int Main(string[] arguments)
    {
        var line = CommandLine.Parse(arguments);
        switch (line)
        {
            case CommandLine.Help:
                System.Console.Out.WriteLine(CommandLine.Usage);
                return Done;
            case CommandLine.Version:
                System.Console.Out.WriteLine($"pannus {Version}");
                return Done;
            case CommandLine.Wrong wrong:
                System.Console.Error.WriteLine($"pannus: {wrong.Reason}");
                System.Console.Error.WriteLine(CommandLine.Usage);
                return WrongArguments;
        }

        using var session = new Session();
        using var sigint = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => OnSigint(signal, session));
        var succeeded = line switch
        {
            CommandLine.Patch patch => session.Run(patch),
            CommandLine.Script script => session.Run(script),
            CommandLine.Text text => session.Run(text.Commands),
            _ => new CommandLoop(session).Run(),
        };
        return session.ExitCode ?? (session.Interrupted && !session.IsInteractive ? StoppedBySigint
            : succeeded ? Done : Refused);
    }

    /// <summary>Ctrl-C stops the pipeline; when a script doesn't heed the first, the second ends the process.</summary>
    private static void OnSigint(PosixSignalContext signal, Session session)
    {
        signal.Cancel = session.IsInteractive || !session.Interrupted;
        session.Stop();
    }
}
