using System.Globalization;
using System.IO.Hashing;
using System.Text;

namespace FeatureTransform.Cuda;

/// <summary>
/// Hashes of texts, as names in a cache and to notice a change. XxHash64 is ready at once, as a run that finds all its kernels in the
/// cache wants it: the first SHA-256 of a process loads a library, and the wider XxHashes keep the run-time compiler busy.
/// </summary>
internal static class TextHash
{
    /// <summary>16 hexadecimal digits.</summary>
    public static string Of(string text) =>
        XxHash64.HashToUInt64(Encoding.UTF8.GetBytes(text)).ToString("x16", CultureInfo.InvariantCulture);
}
