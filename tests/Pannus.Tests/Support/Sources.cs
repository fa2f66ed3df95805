namespace Pannus.Tests.Support;

/// <summary>A folder of sources that a test writes and builds; it is gone at the end.</summary>
internal sealed class Sources : IDisposable
{
    public string Folder { get; } = Directory.CreateTempSubdirectory("pannus-sources").FullName;

    /// <summary>Writes a file, in a folder below if its name says so.</summary>
    public Sources With(string file, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(this[file])!);
        File.WriteAllText(this[file], text);
        return this;
    }

    /// <summary>Runs a tool in the folder.</summary>
    public Sources Run(string tool, string arguments)
    {
        Gcc.Run(tool, arguments, Folder);
        return this;
    }

    /// <summary>Full path of a file.</summary>
    public string this[string file] => Path.Combine(Folder, file);

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
