namespace Pannus.Elf;

/// <summary>The value of an attribute as it stands in the file.</summary>
/// <param name="Form">How it is written.</param>
/// <param name="Number">A number, offset, index or reference; of a block its length.</param>
/// <param name="Start">Where a block or a string begins in .debug_info.</param>
internal readonly record struct DwarfValue(DwarfForm Form, ulong Number, int Start)
{
    /// <summary>Bytes that a form takes; -1 when that depends on what is there.</summary>
    public static int SizeOf(DwarfForm form, int offsetSize, int addressSize, int version) => form switch
    {
        DwarfForm.FlagPresent or DwarfForm.ImplicitConstant => 0,
        DwarfForm.Data1 or DwarfForm.Flag or DwarfForm.Reference1 or DwarfForm.StringIndex1 or DwarfForm.AddressIndex1 => 1,
        DwarfForm.Data2 or DwarfForm.Reference2 or DwarfForm.StringIndex2 or DwarfForm.AddressIndex2 => 2,
        DwarfForm.StringIndex3 or DwarfForm.AddressIndex3 => 3,
        DwarfForm.Data4 or DwarfForm.Reference4 or DwarfForm.ReferenceSupplement4 or DwarfForm.StringIndex4 or DwarfForm.AddressIndex4 => 4,
        DwarfForm.Data8 or DwarfForm.Reference8 or DwarfForm.ReferenceSignature or DwarfForm.ReferenceSupplement8 => 8,
        DwarfForm.Data16 => 16,
        DwarfForm.Address => addressSize,
        DwarfForm.ReferenceAddress => version <= 2 ? addressSize : offsetSize,
        DwarfForm.StringOffset or DwarfForm.SectionOffset or DwarfForm.LineString or DwarfForm.StringSupplement
            or DwarfForm.GnuReferenceAlternate or DwarfForm.GnuStringAlternate => offsetSize,
        _ => -1,
    };

    /// <summary>Reads the value of an attribute, or passes over it.</summary>
    public static DwarfValue Read(ref ByteCursor cursor, DwarfSpecification attribute, int offsetSize, int addressSize, int version)
    {
        DwarfForm form = attribute.Form;
        if (form == DwarfForm.Indirect) form = (DwarfForm)cursor.Unsigned();
        int start = cursor.Position;
        switch (form)
        {
            case DwarfForm.FlagPresent: return new DwarfValue(form, 1, start);
            case DwarfForm.ImplicitConstant: return new DwarfValue(form, (ulong)attribute.Constant, start);
            case DwarfForm.SignedData: return new DwarfValue(form, (ulong)cursor.Signed(), start);
            case DwarfForm.UnsignedData or DwarfForm.ReferenceUnsigned or DwarfForm.StringIndex or DwarfForm.AddressIndex
                or DwarfForm.LocationListIndex or DwarfForm.RangeListIndex:
                return new DwarfValue(form, cursor.Unsigned(), start);
            case DwarfForm.String:
                while (cursor.Byte() != 0) { }
                return new DwarfValue(form, (ulong)(cursor.Position - start), start);
            case DwarfForm.Block or DwarfForm.Expression: return Block(ref cursor, form, cursor.Small());
            case DwarfForm.Block1: return Block(ref cursor, form, cursor.Byte());
            case DwarfForm.Block2: return Block(ref cursor, form, cursor.Half());
            case DwarfForm.Block4: return Block(ref cursor, form, (int)Math.Min(cursor.Word(), int.MaxValue));
        }
        ulong number = SizeOf(form, offsetSize, addressSize, version) switch
        {
            1 => cursor.Byte(),
            2 => cursor.Half(),
            3 => cursor.Half() | (ulong)cursor.Byte() << 16,
            4 => cursor.Word(),
            8 => cursor.Xword(),
            16 => cursor.Xword() + (0 * cursor.Xword()),
            _ => Unknown(ref cursor),
        };
        return new DwarfValue(form, number, start);
    }

    private static DwarfValue Block(ref ByteCursor cursor, DwarfForm form, int length) =>
        new(form, (ulong)length, cursor.Skip(length));

    private static ulong Unknown(ref ByteCursor cursor)
    {
        cursor.Break();
        return 0;
    }
}
