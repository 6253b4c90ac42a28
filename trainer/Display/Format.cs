using System.Globalization;

namespace FeatureTransform.Trainer.Display;

/// <summary>How numbers look to a person.</summary>
internal static class Format
{
    /// <summary>Seconds as m:ss or h:mm:ss.</summary>
    public static string Duration(double seconds)
    {
        // A hundred days is more than any run; it also bounds an estimate from a first slow step.
        TimeSpan time = TimeSpan.FromSeconds(Math.Clamp(Math.Round(seconds), 0, 8_640_000));
        return time.TotalHours >= 1
            ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours}:{time.Minutes:D2}:{time.Seconds:D2}")
            : string.Create(CultureInfo.InvariantCulture, $"{time.Minutes}:{time.Seconds:D2}");
    }

    /// <summary>A whole number with thousands separated.</summary>
    public static string Count(double value) => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>A number with a fixed count of decimals.</summary>
    public static string Fixed(double value, int decimals) => value.ToString($"F{decimals}", CultureInfo.InvariantCulture);

    /// <summary>A share in [0, 1] as percent.</summary>
    public static string Percent(double share) => $"{Fixed(100 * share, 1)} %";

    /// <summary>A learning rate, three digits.</summary>
    public static string Rate(double value) => value.ToString("G3", CultureInfo.InvariantCulture);
}
