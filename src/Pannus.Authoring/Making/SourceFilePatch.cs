using System.Diagnostics;
using System.Text;
using Pannus.Authoring.Building;
using Pannus.Core;
using Pannus.Elf;

namespace Pannus.Authoring.Making;

/// <summary>
/// Makes a patch from one file of C or C++. Its undefined names are the target's own functions and variables, which the
/// patch finds when it is applied, statics among them.
/// </summary>
internal sealed class SourceFilePatch(string sourceFile, TargetFile target, MakeOptions options, CancellationToken cancellation)
{
    private const int LinesOfFailure = 12;
    private static readonly HashSet<string> s_cPlusPlus = [".cc", ".cpp", ".cxx", ".c++", ".C"];

    /// <summary>
    /// Compiles it. <paramref name="jumps"/> are functions of the target, each of which the file's function of that name
    /// replaces; without any, all functions of the file that the target has too.
    /// </summary>
    public LivePatchBuild Make(IReadOnlyList<string> jumps, IReadOnlyList<string> arguments)
    {
        var clock = Stopwatch.StartNew();
        string work = Directory.CreateTempSubdirectory("pannus-compile-").FullName;
        try
        {
            using ElfImage file = ElfImage.OpenFile(target.Path, target.Name);
            string output = Path.Combine(work, "patch.o");
            if (jumps.Count == 0)
            {
                Compile(file, work, output, "", arguments);
                jumps = Common(file, output);
            }
            string[] commands = [$"name {(options.Name != "" ? options.Name : Path.GetFileNameWithoutExtension(options.OutFile))}",
                .. file.BuildId != "" && !IsLibrary(file) ? (string[])[$"build-id {file.BuildId}"] : [],
                .. options.Requires.Select(r => $"requires {r}"), .. options.Commands, .. jumps.Select(j => $"J {j} {Plain(j)}")];
            Compile(file, work, output, Section(commands), arguments);
            CheckJumps(output, jumps);
            return new LivePatchBuild
            {
                Binary = target.Name, BuildId = file.BuildId, Path = options.OutFile, Verdict = PatchVerdict.Made,
                Reason = $"{jumps.Count} functions are replaced.",
                Functions = [.. jumps.Select(j => new PatchedFunction(j, Path.GetFileName(sourceFile), "given", 0, SizeOf(output, Plain(j)), []))],
                Content = File.ReadAllBytes(output), Duration = clock.Elapsed,
            };
        }
        finally
        {
            Directory.Delete(work, true);
        }
    }

    // libssl.so.3!ssl.c:parse@VERSION is parse in the patch.
    private static string Plain(string name)
    {
        name = name[(name.IndexOf('!') + 1)..];
        int file = name.LastIndexOf(':');
        if (file > 0 && name[file - 1] != ':') name = name[(file + 1)..];
        return name.Split('@')[0];
    }

    private void Compile(ElfImage file, string work, string output, string section, IReadOnlyList<string> arguments)
    {
        string header = Path.Combine(work, "commands.h");
        File.WriteAllText(header, section);
        bool isCPlusPlus = s_cPlusPlus.Contains(Path.GetExtension(sourceFile));
        string variable = isCPlusPlus ? "CXX" : "CC";
        string compiler = Environment.GetEnvironmentVariable(variable) is { Length: > 0 } chosen ? chosen : isCPlusPlus ? "g++" : "gcc";
        // -fPIC: what belongs to another module is reached through a table, however far away that is.
        string[] command = [.. compiler.Split(' ', StringSplitOptions.RemoveEmptyEntries), "-O2", "-g", "-fPIC", "-fno-common",
            "-ffunction-sections", "-fdata-sections", .. file.Machine == ElfMachine.I386 ? (string[])["-m32"] : [], .. arguments,
            "-include", header, "-c", sourceFile, "-o", output];
        BuildRun.Outcome outcome = BuildRun.Run(command, Path.GetDirectoryName(sourceFile)!, new Dictionary<string, string>(), null, cancellation);
        if (outcome.ExitCode != 0)
            throw new PatchException(PatchErrorId.NotPatchable, $"{sourceFile} does not compile:\n{outcome.Tail(LinesOfFailure)}");
    }

    private static string Section(IEnumerable<string> lines)
    {
        var text = new StringBuilder();
        foreach (string line in lines)
        {
            string quoted = line.Replace("\\", "\\\\\\\\").Replace("\"", "\\\\\\\"");
            text.Append("__asm__(\".pushsection .pannus,\\\"\\\",@progbits\\n.ascii \\\"").Append(quoted).Append("\\\\n\\\"\\n.popsection\");\n");
        }
        return text.ToString();
    }

    private IReadOnlyList<string> Common(ElfImage file, string output)
    {
        using ElfImage image = ElfImage.OpenFile(output);
        HashSet<string> theirs = [.. file.SymbolTable.Concat(file.DynamicSymbols).Where(s => s.IsDefined && s.IsFunction).Select(s => s.Name)];
        string[] common = [.. image.SymbolTable.Where(s => s.IsDefined && s.IsFunction && !s.IsLocal && theirs.Contains(s.Name)).Select(s => s.Name)];
        return common.Length > 0 ? common : throw new PatchException(PatchErrorId.NotPatchable, $"{sourceFile} defines no function that "
            + $"{target.Name} has, too. Say with -Jump which functions are replaced.");
    }

    private void CheckJumps(string output, IReadOnlyList<string> jumps)
    {
        using ElfImage image = ElfImage.OpenFile(output);
        HashSet<string> defined = [.. image.SymbolTable.Where(s => s.IsDefined && s.IsFunction).Select(s => s.Name)];
        string[] missing = [.. jumps.Where(j => !defined.Contains(Plain(j)))];
        if (missing.Length > 0)
            throw new PatchException(PatchErrorId.NotPatchable, $"{sourceFile} has no function {string.Join(", ", missing.Select(Plain))}. "
                + "A static one that nothing in the file calls is left out by the compiler.");
    }

    private static long SizeOf(string output, string name)
    {
        using ElfImage image = ElfImage.OpenFile(output);
        return (long)image.SymbolTable.Where(s => s.Name == name).Select(s => s.Size).FirstOrDefault();
    }

    private static bool IsLibrary(ElfImage file) => file.Type == ElfType.Dyn && file.Interpreter == "";
}
