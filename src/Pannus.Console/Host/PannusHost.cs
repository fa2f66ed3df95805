using System.Globalization;
using System.Management.Automation;
using System.Management.Automation.Host;

namespace Pannus.Console.Host;

/// <summary>What the engine knows of the program that runs it.</summary>
internal sealed class PannusHost : PSHost
{
    public PannusUserInterface Screen { get; } = new();

    /// <summary>The code of <c>exit</c>, once a script has called it.</summary>
    public int? ExitCode { get; private set; }

    public override string Name => "Pannus";

    public override Version Version { get; } = Version.Parse(Program.Version);

    public override Guid InstanceId { get; } = Guid.NewGuid();

    public override PSHostUserInterface UI => Screen;

    public override CultureInfo CurrentCulture => CultureInfo.CurrentCulture;

    public override CultureInfo CurrentUICulture => CultureInfo.CurrentUICulture;

    public override void SetShouldExit(int exitCode) => ExitCode = exitCode;

    public override void EnterNestedPrompt() =>
        throw new PSNotSupportedException("pannus has no nested prompt; answer yes or no.");

    public override void ExitNestedPrompt()
    {
        // Never entered.
    }

    public override void NotifyBeginApplication() => Screen.Progress.Clear();

    public override void NotifyEndApplication()
    {
        // The terminal needs no repair: .NET restores its modes after a child.
    }
}
