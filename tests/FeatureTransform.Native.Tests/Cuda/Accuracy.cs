using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>Comparisons that fail for NaN and say where.</summary>
internal static class Accuracy
{
    /// <summary>The largest difference from the oracle is at most a multiple of that of plain code, and a floor.</summary>
    public static void Check(
        string what, double factor, double floor, IReadOnlyList<double> oracle, IReadOnlyList<float> plain, IReadOnlyList<float> actual)
    {
        (_, double allowed) = Worst(oracle, plain);
        Check(what, (factor * allowed) + floor, oracle, actual);
    }

    /// <summary>The largest difference from the oracle is at most a bound.</summary>
    public static void Check(string what, double bound, IReadOnlyList<double> oracle, IReadOnlyList<float> actual)
    {
        (int at, double error) = Worst(oracle, actual);
        Assert.True(error <= bound, $"{what}: element {at} is {actual[at]:R}, expected {oracle[at]:R} within {bound:E2}");
    }

    public static void SameBits<T>(string what, T[] expected, T[] actual)
        where T : unmanaged
    {
        Assert.Equal(expected.Length, actual.Length);
        ReadOnlySpan<byte> a = MemoryMarshal.AsBytes<T>(expected), b = MemoryMarshal.AsBytes<T>(actual);
        int at = a.CommonPrefixLength(b) / Unsafe.SizeOf<T>();
        Assert.True(a.SequenceEqual(b), at < actual.Length ? $"{what}: element {at} is {actual[at]}, expected {expected[at]}" : "");
    }

    private static (int Index, double Error) Worst(IReadOnlyList<double> oracle, IReadOnlyList<float> actual)
    {
        Assert.Equal(oracle.Count, actual.Count);
        (int index, double error) = (0, 0);
        for (int i = 0; i < oracle.Count; i++)
        {
            double difference = Math.Abs(oracle[i] - actual[i]);
            if (!(difference <= error))
            {
                (index, error) = (i, difference);
            }

            if (double.IsNaN(difference))
            {
                break;
            }
        }

        return (index, error);
    }
}

/// <summary>bf16 by its definition.</summary>
internal static class Bf16
{
    public static ushort Round(float x)
    {
        ushort below = (ushort)(BitConverter.SingleToUInt32Bits(x) >> 16), above = (ushort)(below + 1);
        double down = Math.Abs((double)x - Widen(below));
        double up = float.IsInfinity(Widen(above)) ? Math.ScaleB(1, 127 - 7) - down : Math.Abs((double)x - Widen(above));
        return float.IsInfinity(x) || down < up || (down == up && below % 2 == 0) ? below : above;
    }

    public static float Widen(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    public static ushort[] Round(IEnumerable<float> values) => [.. values.Select(Round)];

    public static float[] Widen(IEnumerable<ushort> bits) => [.. bits.Select(Widen)];
}

/// <summary>Numbers for inputs.</summary>
internal static class Inputs
{
    /// <summary>Uniform in -1..1.</summary>
    public static float[] Uniform(int count, int seed)
    {
        var random = new System.Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (2 * random.NextSingle()) - 1)];
    }

    /// <summary>The same, rounded to bf16 where the type is that.</summary>
    public static float[] Uniform(int count, int seed, ElementType type) =>
        type == ElementType.Float32 ? Uniform(count, seed) : Bf16.Widen(Bf16.Round(Uniform(count, seed)));

    /// <summary>Uploads numbers of a type, rows of c with room between them that no kernel may read a meaning into.</summary>
    public static ulong Upload(this KernelDevice device, ElementType type, float[] rows, int c, int stride)
    {
        float[] strided = new float[((rows.Length / c) - 1) * stride + c];
        Array.Fill(strided, float.NaN);
        for (int i = 0; i < rows.Length; i++)
        {
            strided[(i / c * stride) + (i % c)] = rows[i];
        }

        return type == ElementType.Float32
            ? device.Upload<float>(strided).Address
            : device.Upload<ushort>([.. strided.Select(x => (ushort)(BitConverter.SingleToUInt32Bits(x) >> 16))]).Address;
    }

    public static ulong Upload(this KernelDevice device, ElementType type, float[] values) =>
        device.Upload(type, values, values.Length, values.Length);
}
