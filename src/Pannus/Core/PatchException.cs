
namespace Pannus.Core;

/// <summary>
/// The one exception of the engine. After it the target is as it was before the call, unless the message says
/// otherwise. <see cref="Exception.Message"/> says what was found, where, and what to do.
/// </summary>
public sealed class PatchException : Exception
{
    /// <summary>Creates the exception.</summary>
    public PatchException(PatchErrorId id, string message, Exception? innerException = null)
        : base(TargetText.CleanLines(message), innerException) => Id = id;

    /// <summary>What kind of refusal or failure this is.</summary>
    public PatchErrorId Id { get; }

    /// <summary>
    /// Whether a thread may have entered the patch before it was taken back (as one that sleeps may), so that it
    /// must stay mapped.
    /// </summary>
    internal bool KeepsPatch { get; init; }
}
