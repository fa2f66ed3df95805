using System.Management.Automation;
using System.Management.Automation.Language;
using Shell = System.Management.Automation.PowerShell;

namespace Pannus.PowerShell;

/// <summary>
/// What stands on the command line before the word that is completed. PowerShell tells a completer only the arguments
/// that it can bind so far, and neither what comes through the pipeline nor the value of a variable.
/// </summary>
internal sealed class TypedLine
{
    private static readonly HashSet<string> s_looking = new(StringComparer.OrdinalIgnoreCase)
    {
        "Get-PatchTarget", "Get-Process", "Get-LivePatch", "Get-Variable", "gps", "ps", "gv",
    };

    private TypedLine(string command, PatchTargetReference? target, int position) =>
        (Command, Target, Position) = (command, target, position);

    /// <summary>The command's name, as it was typed.</summary>
    public string Command { get; }

    /// <summary>The target that was given, by name, by place or through the pipeline; null when it can't be told.</summary>
    public PatchTargetReference? Target { get; }

    /// <summary>Which argument the word is, as if the target were always the first and had no name: 0 for it.</summary>
    public int Position { get; }

    /// <summary>Reads a command up to the word.</summary>
    public static TypedLine Read(CommandAst command, string parameter, string word, object? boundTarget)
    {
        bool isPiped = command.Parent is PipelineAst pipeline && pipeline.PipelineElements.IndexOf(command) > 0;
        object? target = isPiped ? Value(((PipelineAst)command.Parent).PipelineElements, command) : boundTarget;
        List<CommandElementAst> positional = [];
        // The word itself is the last element, but for an empty one.
        List<CommandElementAst> elements = [.. command.CommandElements.Skip(1)];
        bool hasName = elements is [.., CommandParameterAst { Argument: null } last] && word.Length == 0 && !IsSwitch(last.ParameterName);
        if (word.Length > 0 && elements.Count > 0)
        {
            hasName = elements is [.., CommandParameterAst { Argument: null } before, _] && !IsSwitch(before.ParameterName);
            elements.RemoveAt(elements.Count - 1);
        }
        for (int i = 0; i < elements.Count; i++)
        {
            if (elements[i] is not CommandParameterAst named)
            {
                positional.Add(elements[i]);
                continue;
            }
            if (named.Argument is not null || IsSwitch(named.ParameterName) || i + 1 == elements.Count) continue;
            i++;
            if ("Target".StartsWith(named.ParameterName, StringComparison.OrdinalIgnoreCase)) positional.Insert(0, elements[i]);
        }
        if (!isPiped && positional.Count > 0) target = Value(positional[0]) ?? target;
        int place = hasName ? (parameter == "Target" ? 0 : 1) : positional.Count + (isPiped ? 1 : 0);
        return new TypedLine(command.GetCommandName() ?? "", PatchTargetReference.TryCreate(target), place);
    }

    // Of this module's switches and the common ones; all other parameters take a value.
    private static bool IsSwitch(string name) => ((string[])["All", "Force", "ScanMemory", "Verify", "PassThru", "WhatIf", "Confirm",
        "Verbose", "Debug"]).Any(s => s.StartsWith(name, StringComparison.OrdinalIgnoreCase));

    // Only what looks and changes nothing is evaluated: a constant, a variable, a Get- command with such arguments.
    private static object? Value(IReadOnlyList<CommandBaseAst> pipeline, CommandAst end)
    {
        IEnumerable<CommandBaseAst> before = pipeline.TakeWhile(e => e != end);
        if (!before.All(e => e switch
        {
            CommandExpressionAst expression => IsPlain(expression.Expression),
            CommandAst command => s_looking.Contains(command.GetCommandName() ?? "") && command.CommandElements.Skip(1).All(IsPlain),
            _ => false,
        }))
        {
            return null;
        }
        return Evaluate(string.Join(" | ", before.Select(e => e.Extent.Text)));
    }

    private static object? Value(Ast element) => IsPlain(element) && element is not CommandParameterAst ? Evaluate(element.Extent.Text) : null;

    private static bool IsPlain(Ast element) => element switch
    {
        VariableExpressionAst => true,
        CommandParameterAst parameter => parameter.Argument is null || IsPlain(parameter.Argument),
        ConstantExpressionAst => true,
        MemberExpressionAst { Expression: VariableExpressionAst, Member: StringConstantExpressionAst } and not InvokeMemberExpressionAst => true,
        _ => false,
    };

    private static object? Evaluate(string text)
    {
        using var shell = Shell.Create(RunspaceMode.CurrentRunspace);
        return shell.AddScript(text).AddCommand("Select-Object").AddParameter("First", 1).Invoke().FirstOrDefault();
    }
}
