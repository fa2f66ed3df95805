using Terminal = System.Console;

namespace Pannus.Console.Prompt;

/// <summary>Reads one line from a terminal: editing keys of Emacs and Windows, history, completion by Tab.</summary>
internal sealed class LineEditor(Session session)
{
    private readonly History history = new();
    private readonly Completer completer = new(session);
    private string prompt = "";
    private string text = "";
    private int cursor;
    private int cursorRow;

    /// <summary>Null at the end of input (Ctrl-D on an empty line).</summary>
    public string? ReadLine(string prompt)
    {
        this.prompt = prompt;
        (text, cursor, cursorRow) = ("", 0, 0);
        history.Rewind();
        // A Ctrl-C here is a key like others: it drops the line.
        Terminal.TreatControlCAsInput = true;
        try
        {
            return ReadKeys();
        }
        finally
        {
            Terminal.TreatControlCAsInput = false;
        }
    }

    private string? ReadKeys()
    {
        while (true)
        {
            Draw();
            var key = Terminal.ReadKey(intercept: true);
            if (key.Key != ConsoleKey.Tab)
                completer.Forget();
            var control = key.Modifiers.HasFlag(ConsoleModifiers.Control);
            switch (key.Key)
            {
                case ConsoleKey.Enter:
                    Finish("");
                    history.Add(text);
                    return text;
                case ConsoleKey.C when control:
                    Finish("^C");
                    return "";
                case ConsoleKey.D when control && text.Length == 0:
                    Finish("");
                    return null;
                case ConsoleKey.L when control:
                    Terminal.Clear();
                    cursorRow = 0;
                    break;
                case ConsoleKey.UpArrow or ConsoleKey.P when key.Key == ConsoleKey.UpArrow || control:
                    Replace(history.Older(text));
                    break;
                case ConsoleKey.DownArrow or ConsoleKey.N when key.Key == ConsoleKey.DownArrow || control:
                    Replace(history.Newer());
                    break;
                case ConsoleKey.Tab:
                    (text, cursor) = completer.Next(text, cursor, key.Modifiers.HasFlag(ConsoleModifiers.Shift));
                    break;
                default:
                    Edit(key, control);
                    break;
            }
        }
    }

    private void Edit(ConsoleKeyInfo key, bool control)
    {
        switch (key.Key)
        {
            case ConsoleKey.LeftArrow:
                cursor = control ? WordStart() : Math.Max(0, cursor - 1);
                break;
            case ConsoleKey.RightArrow:
                cursor = control ? WordEnd() : Math.Min(text.Length, cursor + 1);
                break;
            case ConsoleKey.Home:
            case ConsoleKey.A when control:
                cursor = 0;
                break;
            case ConsoleKey.End:
            case ConsoleKey.E when control:
                cursor = text.Length;
                break;
            case ConsoleKey.W when control:
                Remove(WordStart(), cursor);
                break;
            case ConsoleKey.U when control:
                Remove(0, cursor);
                break;
            case ConsoleKey.K when control:
                Remove(cursor, text.Length);
                break;
            case ConsoleKey.Backspace:
            case ConsoleKey.H when control:
                Remove(Math.Max(0, cursor - 1), cursor);
                break;
            case ConsoleKey.Delete:
            case ConsoleKey.D when control:
                Remove(cursor, Math.Min(text.Length, cursor + 1));
                break;
            case ConsoleKey.Escape:
                Replace("");
                break;
            default:
                if (!char.IsControl(key.KeyChar))
                    text = text.Insert(cursor++, key.KeyChar.ToString());
                break;
        }
    }

    private void Replace(string line) => (text, cursor) = (line, line.Length);

    private void Remove(int start, int end) => (text, cursor) = (text.Remove(start, end - start), start);

    private int WordStart()
    {
        var position = cursor;
        while (position > 0 && !char.IsLetterOrDigit(text[position - 1]))
            position--;
        while (position > 0 && char.IsLetterOrDigit(text[position - 1]))
            position--;
        return position;
    }

    private int WordEnd()
    {
        var position = cursor;
        while (position < text.Length && !char.IsLetterOrDigit(text[position]))
            position++;
        while (position < text.Length && char.IsLetterOrDigit(text[position]))
            position++;
        return position;
    }

    /// <summary>Draws the line anew; a long one wraps over several rows of the terminal.</summary>
    private void Draw()
    {
        var width = Math.Max(1, Terminal.WindowWidth);
        var up = cursorRow > 0 ? $"\e[{cursorRow}A" : "";
        // The blank makes the terminal wrap when the text ends exactly at the right edge.
        var end = prompt.Length + text.Length;
        var wrap = end % width == 0 ? " \r" : "";
        var place = prompt.Length + cursor;
        cursorRow = place / width;
        var back = end / width - cursorRow;
        Terminal.Out.Write($"{up}\r\e[J{prompt}{text}{wrap}\r{(back > 0 ? $"\e[{back}A" : "")}"
            + (place % width > 0 ? $"\e[{place % width}C" : ""));
    }

    private void Finish(string mark)
    {
        cursor = text.Length;
        Draw();
        Terminal.Out.Write(mark + "\n");
        cursorRow = 0;
    }
}
