using System.Management.Automation;
using System.Reflection;
using System.Runtime.Loader;
using Pannus.Core;

namespace Pannus.PowerShell;

/// <summary>
/// Loads what the engine depends on into a context of the module's own, so that the session may use another version of
/// it, loaded before or after. The module's own assemblies stay where PowerShell puts them: type names in scripts and
/// <c>Import-Module -Force</c> rely on that.
/// </summary>
public sealed class DependencyContext : IModuleAssemblyInitializer, IModuleAssemblyCleanup
{
    private static readonly AssemblyLoadContext s_context = new("Pannus");

    // Exactly these versions: what other modules of the session ask for is not answered.
    private static readonly HashSet<string> s_names =
        [.. typeof(PatchException).Assembly.GetReferencedAssemblies().Where(a => a.Name == "Iced").Select(a => a.FullName)];

    /// <inheritdoc/>
    public void OnImport()
    {
        AssemblyLoadContext.Default.Resolving -= Resolve;
        AssemblyLoadContext.Default.Resolving += Resolve;
    }

    /// <inheritdoc/>
    public void OnRemove(PSModuleInfo psModuleInfo) => AssemblyLoadContext.Default.Resolving -= Resolve;

    private static Assembly? Resolve(AssemblyLoadContext context, AssemblyName name)
    {
        if (!s_names.Contains(name.FullName)) return null;
        string folder = Path.GetDirectoryName(typeof(DependencyContext).Assembly.Location)!;
        return s_context.LoadFromAssemblyPath(Path.Combine(folder, name.Name + ".dll"));
    }
}
