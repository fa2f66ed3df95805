namespace Pannus.Tests.Support;

/// <summary>The machines that the same test runs for, by the compiler's option.</summary>
internal static class Machine
{
    public const string X64 = "-m64", IA32 = "-m32";

    /// <summary>Variables of make that build a target with some flags, and patches, for a machine.</summary>
    public static string[] Fast(string machine, string flags = "-O2", params string[] more) => machine == IA32
        ? [$"CFLAGS={flags} {machine}", $"PATCH_CFLAGS=-O2 {machine}", .. more] : [$"CFLAGS={flags}", .. more];
}
