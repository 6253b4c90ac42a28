using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>
/// The registers of a warp as matrices ("Matrix Fragments for mma.m16n8k*" of the PTX ISA): lane l, g = l / 4, t = l % 4.
/// </summary>
internal static unsafe class MatrixFragments
{
    /// <summary>A (16 x k) as signed mantissas and exponents, rows of 16. True if an infinity or NaN is among them.</summary>
    public static bool UnpackA(PtxType type, int k, uint** a, int* mantissa, int* exponent, int zeroExponent)
    {
        bool special = false;
        int per = type == PtxType.TF32 ? 1 : 2, step = 4 * per; // elements of a register, columns covered by a quad
        for (int register = 0; register < k / step * 2; register++)
        {
            int rowAdd = (register & 1) * 8, columnAdd = (register >> 1) * step;
            for (int lane = 0; lane < 32; lane++)
            {
                int at = 16 * ((lane >> 2) + rowAdd) + (lane & 3) * per + columnAdd;
                uint word = a[register][lane];
                special |= Split(type, word, mantissa + at, exponent + at, zeroExponent);
                if (per == 2)
                {
                    special |= Split(type, word >> 16, mantissa + at + 1, exponent + at + 1, zeroExponent);
                }
            }
        }
        return special;
    }

    /// <summary>B (k x 8), each row twice in 16 places.</summary>
    public static bool UnpackB(PtxType type, int k, uint** b, int* mantissa, int* exponent, int zeroExponent)
    {
        bool special = false;
        int per = type == PtxType.TF32 ? 1 : 2, step = 4 * per;
        for (int register = 0; register < k / step; register++)
        {
            for (int lane = 0; lane < 32; lane++)
            {
                int row = (lane & 3) * per + register * step, column = lane >> 2;
                uint word = b[register][lane];
                for (int e = 0; e < per; e++)
                {
                    int at = 16 * (row + e) + column;
                    special |= Split(type, word >> (16 * e), mantissa + at, exponent + at, zeroExponent);
                    (mantissa[at + 8], exponent[at + 8]) = (mantissa[at], exponent[at]);
                }
            }
        }
        return special;
    }

    /// <summary>C (16 x 8) of fp32.</summary>
    public static bool UnpackC(uint** c, float* sums)
    {
        bool special = false;
        for (int register = 0; register < 4; register++)
        {
            int add = (register >> 1) * 64 + (register & 1);
            for (int lane = 0; lane < 32; lane++)
            {
                uint bits = c[register][lane];
                special |= (bits & 0x7F800000) == 0x7F800000;
                sums[8 * (lane >> 2) + 2 * (lane & 3) + add] = BitConverter.UInt32BitsToSingle(bits);
            }
        }
        return special;
    }

    public static bool UnpackHalfC(uint** c, float* sums)
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
        return false;
    }

    public static void PackD(float* sums, uint** d)
    {
        for (int register = 0; register < 4; register++)
        {
            int add = (register >> 1) * 64 + (register & 1);
            for (int lane = 0; lane < 32; lane++)
            {
                d[register][lane] = BitConverter.SingleToUInt32Bits(sums[8 * (lane >> 2) + 2 * (lane & 3) + add]);
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

    // value = mantissa * 2^(exponent - fraction bits); subnormal numbers keep the least exponent.
    private static bool Split(PtxType type, uint bits, int* mantissa, int* exponent, int zeroExponent)
    {
        (int fractionBits, int fieldBits, int bias, int dropped) = type switch
        {
            PtxType.BF16 => (7, 8, 127, 0),
            PtxType.F16 => (10, 5, 15, 0),
            _ => (10, 8, 127, 13), // tf32: the low 13 bits are not looked at
        };
        bits >>= dropped;
        int field = (int)(bits >> fractionBits) & ((1 << fieldBits) - 1);
        int value = (int)(bits & ((1u << fractionBits) - 1)) | (field != 0 ? 1 << fractionBits : 0);
        bool negative = (bits >> (fractionBits + fieldBits) & 1) != 0;
        *mantissa = negative ? -value : value;
        *exponent = value == 0 ? zeroExponent : Math.Max(field, 1) - bias;
        return field == (1 << fieldBits) - 1;
    }
}
