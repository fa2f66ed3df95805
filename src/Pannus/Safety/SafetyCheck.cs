namespace Pannus.Safety;

/// <summary>What must hold of the target's threads before code is overwritten.</summary>
public enum SafetyCheck
{
    /// <summary>No thread is inside a function that is replaced, and none will return into it.</summary>
    Stack,
    /// <summary>No thread is about to execute the bytes that are overwritten: the check of 2004.</summary>
    Entry,
}
