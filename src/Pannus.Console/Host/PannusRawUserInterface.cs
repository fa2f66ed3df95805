using System.Management.Automation.Host;
using Terminal = System.Console;

namespace Pannus.Console.Host;

/// <summary>The terminal as a grid of cells, or a page of fixed width when output goes elsewhere.</summary>
internal sealed class PannusRawUserInterface(bool isOutputTerminal) : PSHostRawUserInterface
{
    /// <summary>The width that <c>pwsh</c> gives tables in a file or a pipe.</summary>
    private const int PageWidth = 120;

    public override Size BufferSize
    {
        get => isOutputTerminal && Terminal.WindowWidth > 0
            ? new Size(Terminal.WindowWidth, Math.Max(1, Terminal.WindowHeight))
            : new Size(PageWidth, 50);
        set => throw Unsupported();
    }

    public override Size WindowSize { get => BufferSize; set => throw Unsupported(); }

    public override Size MaxWindowSize => BufferSize;

    public override Size MaxPhysicalWindowSize => BufferSize;

    public override Coordinates WindowPosition { get => default; set => throw Unsupported(); }

    public override Coordinates CursorPosition
    {
        get => isOutputTerminal ? new Coordinates(Terminal.CursorLeft, Terminal.CursorTop) : default;
        set => Terminal.SetCursorPosition(value.X, value.Y);
    }

    public override int CursorSize { get => 25; set => throw Unsupported(); }

    public override ConsoleColor ForegroundColor
    {
        get => Terminal.ForegroundColor;
        set => Terminal.ForegroundColor = value;
    }

    public override ConsoleColor BackgroundColor
    {
        get => Terminal.BackgroundColor;
        set => Terminal.BackgroundColor = value;
    }

    public override string WindowTitle
    {
        get => "pannus";
        set
        {
            if (isOutputTerminal)
                Terminal.Title = value;
        }
    }

    public override bool KeyAvailable => !Terminal.IsInputRedirected && Terminal.KeyAvailable;

    public override KeyInfo ReadKey(ReadKeyOptions options)
    {
        var key = Terminal.ReadKey((options & ReadKeyOptions.NoEcho) != 0);
        return new KeyInfo((int)key.Key, key.KeyChar, default, keyDown: true);
    }

    public override void FlushInputBuffer()
    {
        while (KeyAvailable)
            Terminal.ReadKey(intercept: true);
    }

    public override BufferCell[,] GetBufferContents(Rectangle rectangle) => throw Unsupported();

    public override void SetBufferContents(Coordinates origin, BufferCell[,] contents) => throw Unsupported();

    public override void SetBufferContents(Rectangle rectangle, BufferCell fill)
    {
        // A rectangle of -1 is how Clear-Host clears the screen.
        if (rectangle.Left == -1 && isOutputTerminal)
            Terminal.Clear();
    }

    public override void ScrollBufferContents(
        Rectangle source, Coordinates destination, Rectangle clip, BufferCell fill) => throw Unsupported();

    private static NotSupportedException Unsupported() => new("A Unix terminal has no such property.");
}
