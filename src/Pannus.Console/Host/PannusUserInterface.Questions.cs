using System.Collections.ObjectModel;
using System.Management.Automation;
using System.Management.Automation.Host;

namespace Pannus.Console.Host;

/// <summary>Questions of the engine: mandatory parameters that weren't given, and <c>-Confirm</c>.</summary>
internal sealed partial class PannusUserInterface
{
    public override Dictionary<string, PSObject> Prompt(
        string caption, string message, Collection<FieldDescription> descriptions)
    {
        Ask(caption, message);
        return descriptions.ToDictionary(field => field.Name, AskField);
    }

    public override int PromptForChoice(
        string caption, string message, Collection<ChoiceDescription> choices, int defaultChoice)
    {
        Ask(caption, message);
        var offered = choices
            .Select(choice => (Key: KeyOf(choice), Name: choice.Label.Replace("&", ""), Help: choice.HelpMessage))
            .ToList();
        while (true)
        {
            var help = defaultChoice < 0 ? "" : $" (default is \"{offered[defaultChoice].Key}\")";
            Write(string.Join("  ", offered.Select(choice => $"[{choice.Key}] {choice.Name}")) + $"  [?] Help{help}: ");
            var answer = ReadLine().Trim();
            if (answer.Length == 0 && defaultChoice >= 0)
                return defaultChoice;
            var index = offered.FindIndex(choice => answer.Equals(choice.Key, StringComparison.OrdinalIgnoreCase)
                || answer.Equals(choice.Name, StringComparison.OrdinalIgnoreCase));
            if (index >= 0)
                return index;
            foreach (var choice in offered.Where(_ => answer == "?"))
                WriteLine($"{choice.Key} - {choice.Help}");
        }
    }

    private static string KeyOf(ChoiceDescription choice)
    {
        var mark = choice.Label.IndexOf('&', StringComparison.Ordinal);
        return mark >= 0 && mark + 1 < choice.Label.Length
            ? choice.Label.Substring(mark + 1, 1).ToUpperInvariant()
            : choice.Label;
    }

    private void Ask(string caption, string message)
    {
        foreach (var line in new[] { caption, message }.Where(line => !string.IsNullOrEmpty(line)))
            WriteLine(line);
    }

    private PSObject AskField(FieldDescription field)
    {
        var type = Type.GetType(field.ParameterAssemblyFullName) ?? typeof(string);
        if (!type.IsArray)
        {
            Write($"{field.Name}: ");
            return PSObject.AsPSObject(ReadLine());
        }
        var values = new List<string>();
        while (true)
        {
            Write($"{field.Name}[{values.Count}]: ");
            var value = ReadLine();
            if (value.Length == 0)
                return PSObject.AsPSObject(values.ToArray());
            values.Add(value);
        }
    }
}
