namespace Pannus.Core;

/// <summary>The pages of x86: what the kernel maps, protects and reads at a time.</summary>
internal static class Page
{
    /// <summary>Bytes of a page.</summary>
    public const int Size = 1 << Shift;

    private const int Shift = 12;

    /// <summary>The address itself when it begins a page, else where the next one begins.</summary>
    public static ulong Up(ulong address) => Up(address, Size);

    /// <summary>Where the page of an address begins.</summary>
    public static ulong Down(ulong address) => Down(address, Size);

    /// <summary>As <see cref="Up(ulong)"/>, for a power of two that is no page.</summary>
    public static ulong Up(ulong address, ulong alignment) => (address + alignment - 1) & ~(alignment - 1);

    /// <summary>As <see cref="Down(ulong)"/>, for a power of two that is no page.</summary>
    public static ulong Down(ulong address, ulong alignment) => address & ~(alignment - 1);

    /// <summary>Whether a stretch lies in more than one page.</summary>
    public static bool IsCrossed(ulong address, int length) => address >> Shift != (address + (ulong)length - 1) >> Shift;
}
