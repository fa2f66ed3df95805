namespace Pannus;

/// <summary>
/// The one exception of the engine. After it the target is as it was before the call, unless the message says
/// otherwise. <see cref="Exception.Message"/> says what was found, where, and what to do.
/// </summary>
public sealed class PatchException : Exception
{
    /// <summary>Creates the exception.</summary>
    public PatchException(PatchErrorId id, string message, Exception? innerException = null)
        : base(message, innerException) => Id = id;

    /// <summary>What kind of refusal or failure this is.</summary>
    public PatchErrorId Id { get; }
}
