using System.Security.Cryptography;
using System.Text;

namespace FeatureTransform.Training.Runs;

/// <summary>
/// SHA-256 of a whole safetensors file, in which the checksum's own digits count as zeros. Our files begin with it, always
/// at the same place, so that no byte of a file can change unseen.
/// </summary>
internal static class SafeTensorsChecksum
{
    public const string Key = "checksum";

    /// <summary>Hexadecimal digits.</summary>
    public const int Length = 2 * SHA256.HashSizeInBytes;

    private const int ChunkSize = 1 << 20;
    private static readonly byte[] Prefix = Encoding.UTF8.GetBytes($"{{\"{SafeTensorsHeader.MetadataKey}\":{{\"{Key}\":\"");

    /// <summary>Where the digits stand in a file.</summary>
    public static int Offset => sizeof(long) + Prefix.Length;

    /// <summary>Whether a header begins as ours do.</summary>
    public static bool IsIn(ReadOnlySpan<byte> header) => header.StartsWith(Prefix) && header.Length >= Prefix.Length + Length;

    /// <summary>The digits that belong to a file.</summary>
    public static byte[] Compute(Stream file)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var chunk = new byte[ChunkSize];
        file.Position = 0;
        int count = file.ReadAtLeast(chunk, chunk.Length, throwOnEndOfStream: false);
        chunk.AsSpan(Offset, Length).Fill((byte)'0');
        while (count > 0)
        {
            hash.AppendData(chunk, 0, count);
            count = file.Read(chunk);
        }

        return Encoding.UTF8.GetBytes(Convert.ToHexStringLower(hash.GetHashAndReset()));
    }
}
