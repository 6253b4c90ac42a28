using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FeatureTransform.Native;

/// <summary>bf16 as bits: rounded to nearest even, NaN stays NaN; widening is exact.</summary>
internal static class BFloat16
{
    private const ushort NaN = 0x7fc0;

    public static ushort Round(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? NaN : (ushort)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }

    public static float Widen(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<ushort> Round(Vector512<float> value)
    {
        Vector512<uint> bits = value.AsUInt32();
        Vector512<uint> odd = Vector512.ShiftRightLogical(bits, 16) & Vector512<uint>.One;
        Vector512<uint> rounded = Vector512.ShiftRightLogical(bits + Vector512.Create(0x7fffu) + odd, 16);
        Vector512<uint> result = Vector512.ConditionalSelect(
            Vector512.Equals(value, value).AsUInt32(), rounded, Vector512.Create((uint)NaN));
        return Vector256.Narrow(result.GetLower(), result.GetUpper());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Widen(Vector256<ushort> bits)
    {
        (Vector256<uint> low, Vector256<uint> high) = Vector256.Widen(bits);
        return Vector512.ShiftLeft(Vector512.Create(low, high), 16).AsSingle();
    }

    /// <summary>Rounds count values.</summary>
    public static unsafe void Round(float* source, ushort* target, long count)
    {
        long i = 0;
        for (; i + Vector512<float>.Count <= count; i += Vector512<float>.Count)
        {
            Round(Vector512.Load(source + i)).Store(target + i);
        }

        for (; i < count; i++)
        {
            target[i] = Round(source[i]);
        }
    }

    /// <summary>Widens count values.</summary>
    public static unsafe void Widen(ushort* source, float* target, long count)
    {
        long i = 0;
        for (; i + Vector512<float>.Count <= count; i += Vector512<float>.Count)
        {
            Widen(Vector256.Load(source + i)).Store(target + i);
        }

        for (; i < count; i++)
        {
            target[i] = Widen(source[i]);
        }
    }
}
