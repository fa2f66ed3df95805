using System.Globalization;
using System.Management.Automation;

namespace Pannus.PowerShell;

/// <summary>Makes a bare number a number of seconds; PowerShell's own cast would make it 100 ns ticks.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class SecondsAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData)
    {
        object value = inputData is PSObject item ? item.BaseObject : inputData;
        double seconds;
        switch (value)
        {
            case int or long or double or float or decimal or short or byte or uint:
                seconds = Convert.ToDouble(value, CultureInfo.InvariantCulture);
                break;
            case string text when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out seconds):
                break;
            default:
                return inputData;
        }

        // Also false for NaN. Whatever is too large for a TimeSpan is too large for the range check that follows.
        return Math.Abs(seconds) < TimeSpan.MaxValue.TotalSeconds ? TimeSpan.FromSeconds(seconds) : TimeSpan.MaxValue;
    }
}

/// <summary>Accepts times above zero and up to a number of seconds.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ValidateTimeAttribute(int maxSeconds) : ValidateArgumentsAttribute
{
    /// <summary>The longest time that is accepted, in seconds.</summary>
    public int MaxSeconds => maxSeconds;

    /// <inheritdoc/>
    protected override void Validate(object arguments, EngineIntrinsics engineIntrinsics)
    {
        if (arguments is TimeSpan time && time > TimeSpan.Zero && time <= TimeSpan.FromSeconds(maxSeconds)) return;
        throw new ValidationMetadataException(
            $"{arguments} is out of range. Give a time above 0 and at most {maxSeconds} seconds.");
    }
}
