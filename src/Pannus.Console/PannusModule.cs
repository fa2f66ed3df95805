using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace Pannus.Console;

/// <summary>The module that this program belongs to: <c>Pannus.psd1</c> in the nearest directory above it.</summary>
internal sealed class PannusModule
{
    private readonly string? manifest = Find();

    /// <summary>
    /// Imports the module. Before its first build there is nothing to import and nothing to complain about, as the
    /// build runs in this host: then a command of the module imports it when it is called.
    /// </summary>
    public void AttachTo(Session session)
    {
        if (manifest is null)
            return;
        if (File.Exists(Path.Join(Path.GetDirectoryName(manifest), "bin", "module", "net10.0", "Pannus.PowerShell.psd1")))
        {
            session.Run(Import);
            return;
        }
        var commands = ExportedCommands();
        session.Runspace.SessionStateProxy.InvokeCommand.CommandNotFoundAction += (_, lookup) =>
        {
            if (!commands.Contains(lookup.CommandName))
                return;
            lookup.CommandScriptBlock = ScriptBlock.Create($"{Import} && & Pannus\\{lookup.CommandName} @args");
            lookup.StopSearch = true;
        };
    }

    private string Import =>
        $"Import-Module '{CodeGeneration.EscapeSingleQuotedStringContent(manifest)}' -Global -ErrorAction Stop";

    private static string? Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var path = Path.Join(folder.FullName, "Pannus.psd1");
            if (File.Exists(path))
                return path;
        }
        return null;
    }

    private HashSet<string> ExportedCommands()
    {
        var table = (HashtableAst)Parser.ParseFile(manifest, out _, out _)
            .Find(node => node is HashtableAst, searchNestedScriptBlocks: false);
        var values = (Hashtable)table.SafeGetValue();
        return new[] { "CmdletsToExport", "AliasesToExport" }
            .SelectMany(key => LanguagePrimitives.ConvertTo<string[]>(values[key]))
            .ToHashSet(StringComparer.OrdinalIgnoreCase);
    }
}
