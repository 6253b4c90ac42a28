using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>
/// The registers of a warp as matrices ("Matrix Fragments for mma.m16n8k*" of the PTX ISA): lane l, g = l / 4, t = l % 4.
/// </summary>
internal static unsafe class MatrixFragments
{
    /// <summary>
    /// Elements of a type as mantissa * 2^(exponent - fraction bits), one of the two parts of each word; subnormal numbers keep
    /// the least exponent. Returns all ones where there is an infinity or a NaN.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Split(PtxType type, Vector512<uint> words, int part, int zeroExponent,
        out Vector512<int> mantissa, out Vector512<int> exponent)
    {
        // Everything is brought to the upper end of the word: sign, field, fraction.
        (int fieldBits, int bias) = type == PtxType.F16 ? (5, 15) : (8, 127);
        int fractionBits = type == PtxType.BF16 ? 7 : 10; // tf32: the low 13 bits are not looked at
        Vector512<uint> bits = type == PtxType.TF32 || part == 1 ? words : words << 16;
        Vector512<int> field = (bits << 1 >> (32 - fieldBits)).AsInt32();
        Vector512<int> fraction = (bits << (1 + fieldBits) >> (32 - fractionBits)).AsInt32();
        Vector512<int> normal = ~Vector512.Equals(field, Vector512<int>.Zero);
        Vector512<int> value = fraction | normal & Vector512.Create(1 << fractionBits);
        Vector512<int> sign = bits.AsInt32() >> 31;
        mantissa = (value ^ sign) - sign;
        exponent = Vector512.ConditionalSelect(Vector512.Equals(value, Vector512<int>.Zero), Vector512.Create(zeroExponent),
            Vector512.Max(field, Vector512<int>.One) - Vector512.Create(bias));
        return Vector512.Equals(field, Vector512.Create((1 << fieldBits) - 1));
    }

    /// <summary>C (16 x 8) of fp32.</summary>
    public static void UnpackC(uint** c, float* sums)
    {
        for (int register = 0; register < 4; register++)
        {
            int add = (register >> 1) * 64 + (register & 1);
            for (int lane = 0; lane < 32; lane++)
            {
                sums[8 * (lane >> 2) + 2 * (lane & 3) + add] = BitConverter.UInt32BitsToSingle(c[register][lane]);
            }
        }
    }

    public static void UnpackHalfC(uint** c, float* sums)
    {
        for (int register = 0; register < 2; register++)
        {
            for (int lane = 0; lane < 32; lane++)
            {
                int at = 8 * (lane >> 2) + 2 * (lane & 3) + 64 * register;
                uint word = c[register][lane];
                sums[at] = (float)BitConverter.UInt16BitsToHalf((ushort)word);
                sums[at + 1] = (float)BitConverter.UInt16BitsToHalf((ushort)(word >> 16));
            }
        }
    }

    public static void PackD(float* sums, uint** d)
    {
        for (int register = 0; register < 4; register++)
        {
            int add = (register >> 1) * 64 + (register & 1);
            for (int lane = 0; lane < 32; lane++)
            {
                float sum = sums[8 * (lane >> 2) + 2 * (lane & 3) + add];
                d[register][lane] = float.IsNaN(sum) ? 0x7FFFFFFF : BitConverter.SingleToUInt32Bits(sum);
            }
        }
    }

    /// <summary>The sums are fp16 values already, NaN apart.</summary>
    public static void PackHalfD(float* sums, uint** d)
    {
        for (int register = 0; register < 2; register++)
        {
            for (int lane = 0; lane < 32; lane++)
            {
                int at = 8 * (lane >> 2) + 2 * (lane & 3) + 64 * register;
                d[register][lane] = Half(sums[at]) | Half(sums[at + 1]) << 16;
            }
        }
    }

    private static uint Half(float x) => float.IsNaN(x) ? 0x7FFFu : BitConverter.HalfToUInt16Bits((Half)x);
}
