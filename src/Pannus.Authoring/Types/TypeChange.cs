namespace Pannus.Authoring.Types;

/// <summary>What a change of a type does to the objects that a program has already.</summary>
internal enum TypeHarm
{
    /// <summary>They are as good as new ones.</summary>
    None,
    /// <summary>They have whatever was in the padding where a new field lies.</summary>
    Padding,
    /// <summary>New code would read them wrongly.</summary>
    Layout,
}

/// <summary>A difference between two builds of a type.</summary>
/// <param name="Harm">What it does to objects of before.</param>
/// <param name="Field">Field, enumerator or function; empty for the whole type.</param>
/// <param name="What">What is different, as part of a sentence.</param>
/// <param name="Line">Line of the field; 0 where that isn't known.</param>
internal sealed record TypeChange(TypeHarm Harm, string Field, string What, int Line)
{
    /// <summary>Whether it only follows from another change: a field that moved because one was put before it.</summary>
    public bool IsConsequence { get; init; }
}
