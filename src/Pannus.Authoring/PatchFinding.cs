namespace Pannus.Authoring;

/// <summary>What a finding is about.</summary>
public enum PatchFindingKind
{
    /// <summary>A type has another layout.</summary>
    Layout,
    /// <summary>A function that stays has other parameters or another result.</summary>
    Prototype,
    /// <summary>Data that the target has already would begin with another value or size.</summary>
    InitialValue,
    /// <summary>A constant that the target's data or other modules point to has another value.</summary>
    ConstantTable,
    /// <summary>A thread-local variable that is new or begins with another value.</summary>
    ThreadLocal,
    /// <summary>A constructor or destructor of the program that is new or changed.</summary>
    Constructor,
    /// <summary>A function that is always on a stack.</summary>
    AlwaysActive,
    /// <summary>Data that was made before has to be put right by a hook.</summary>
    Hook,
    /// <summary>The target runs other code than our build of the base.</summary>
    BaseDiffers,
    /// <summary>A symbol of the target cannot be told from others, or there is none.</summary>
    Symbol,
    /// <summary>An object that no patch can be made from: LTO, no function sections, another machine.</summary>
    ObjectUnsupported,
    /// <summary>Assembler whose code changed, an ifunc resolver, labels of inline assembly.</summary>
    CodeUnsupported,
    /// <summary>Types were not compared, or other compilers or flags were used.</summary>
    NotCompared,
    /// <summary>Two objects share a name that makes them one, and differ.</summary>
    Compiler,
}

/// <summary>What a finding does to the verdict.</summary>
public enum PatchFindingSeverity
{
    /// <summary>There is no patch.</summary>
    Refusal,
    /// <summary>The patch is made; who applies it should know.</summary>
    Warning,
    /// <summary>Worth knowing.</summary>
    Note,
}

/// <summary>Something that a person should know about a patch, in terms of the source.</summary>
/// <param name="Kind">What it is about.</param>
/// <param name="Severity">Whether it refuses the patch.</param>
/// <param name="Message">What was found and what to do.</param>
public sealed record PatchFinding(PatchFindingKind Kind, PatchFindingSeverity Severity, string Message)
{
    /// <summary>Function or variable; empty when it is about none.</summary>
    public string Symbol { get; init; } = "";
    /// <summary>Type; empty when it is about none.</summary>
    public string Type { get; init; } = "";
    /// <summary>Field of the type; empty when it is about none.</summary>
    public string Field { get; init; } = "";
    /// <summary>Source file; empty when it is not known.</summary>
    public string File { get; init; } = "";
    /// <summary>Line in the source file; 0 when it is not known.</summary>
    public int Line { get; init; }
}
