using Pannus.Core;

namespace Pannus.Elf;

/// <summary>
/// Names may share their tails in a string table (gABI, "String Table"), and a hostile file has each of a million names
/// share all of the table: what they would take together is then the square of the file's size. Linkers share tails of
/// two or three names, so several times the table is plenty.
/// </summary>
internal sealed class NameBudget(ElfImage image, int tableSize)
{
    private const int Sharing = 8, Least = 1 << 16;
    private long _left = (long)tableSize * Sharing + Least;

    /// <summary>Counts a name of so many bytes. Error: <see cref="PatchErrorId.PatchFileInvalid"/>.</summary>
    public void Spend(int length)
    {
        _left -= length;
        if (_left < 0) throw image.Invalid("names that all lie over each other");
    }
}
