using System.Globalization;
using System.Management.Automation;

namespace Pannus.PowerShell;

/// <summary>
/// Makes text that is a number one, so that PowerShell, which first looks for a parameter that an argument fits without
/// a conversion, finds <c>-Target</c> for it. By name, <c>-Path 123</c>, the number is converted back to text.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class NotTargetIdAttribute : ArgumentTransformationAttribute
{
    /// <inheritdoc/>
    public override object Transform(EngineIntrinsics engineIntrinsics, object inputData) =>
        (inputData is PSObject item ? item.BaseObject : inputData) is string text
            && int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int id)
            && id.ToString(CultureInfo.InvariantCulture) == text ? id : inputData;
}
