using System.Numerics;

namespace FeatureTransform.Cuda.Emulator.Numerics;

/// <summary>Rounding of PTX: to nearest even, to zero, down, up, to nearest with ties away (rna).</summary>
internal enum RoundingMode : byte
{
    Nearest,
    Zero,
    Down,
    Up,
    NearestAway,
}

/// <summary>A binary floating-point format and the exact way into and out of it.</summary>
/// <param name="Bits">Bits of the encoding.</param>
/// <param name="Precision">Significant bits, the hidden one included.</param>
/// <param name="MinExponent">Exponent of the smallest normal number.</param>
/// <param name="MaxExponent">Exponent of the largest finite number.</param>
internal sealed record FloatFormat(int Bits, int Precision, int MinExponent, int MaxExponent)
{
    public static readonly FloatFormat F16 = new(16, 11, -14, 15);
    public static readonly FloatFormat BF16 = new(16, 8, -126, 127);
    public static readonly FloatFormat F32 = new(32, 24, -126, 127);
    public static readonly FloatFormat F64 = new(64, 53, -1022, 1023);
    public static readonly FloatFormat E5M2 = new(8, 3, -14, 15);

    // E4M3 has no infinity: the top exponent holds numbers, all ones is NaN.
    public static readonly FloatFormat E4M3 = new(8, 4, -6, 8);

    // TF32 keeps the place of fp32 and 10 fraction bits; Bits counts the 19 that are used.
    public static readonly FloatFormat TF32 = new(19, 11, -126, 127);

    private int FractionBits => Precision - 1;

    private ulong FractionMask => (1ul << FractionBits) - 1;

    public ulong SignBit => 1ul << (Bits - 1);

    public ulong Infinity => (SignBit - 1) & ~FractionMask;

    /// <summary>The NaN that arithmetic gives.</summary>
    public ulong CanonicalNaN => this == F64 ? 0xFFF8000000000000 : SignBit - 1;

    private ulong LargestFinite => this == E4M3 ? 0x7E : Infinity - 1;

    /// <summary>
    /// Encodes (-1)^negative * magnitude * 2^exponent, plus something below the last bit where sticky is set.
    /// </summary>
    public ulong Encode(bool negative, ulong magnitude, int exponent, bool sticky, RoundingMode mode, bool saturate = false)
    {
        ulong sign = negative ? SignBit : 0;
        if (magnitude == 0)
        {
            // A sticky part alone lies below every format used here.
            bool up = sticky && (mode == RoundingMode.Up && !negative || mode == RoundingMode.Down && negative);
            return sign | (up ? 1ul : 0);
        }
        int top = 63 - BitOperations.LeadingZeroCount(magnitude) + exponent;
        int lastExponent = Math.Max(top, MinExponent) - FractionBits; // weight of the last bit kept
        int shift = lastExponent - exponent;
        ulong kept;
        int rest; // the part cut off against one half: 0 nothing, 1 below, 2 half, 3 above
        if (shift <= 0)
        {
            kept = magnitude << -shift;
            rest = sticky ? 1 : 0;
        }
        else if (shift > 64)
        {
            (kept, rest) = (0, 1);
        }
        else
        {
            kept = shift == 64 ? 0 : magnitude >> shift;
            ulong cut = shift == 64 ? magnitude : magnitude & ((1ul << shift) - 1);
            ulong half = 1ul << (shift - 1);
            rest = (cut > half ? 3 : cut == half ? 2 : cut != 0 ? 1 : 0) | (sticky ? 1 : 0);
        }
        bool increment = mode switch
        {
            RoundingMode.Nearest => rest == 3 || rest == 2 && (kept & 1) != 0,
            RoundingMode.NearestAway => rest >= 2,
            RoundingMode.Up => rest != 0 && !negative,
            RoundingMode.Down => rest != 0 && negative,
            _ => false,
        };
        kept += increment ? 1ul : 0;
        // The hidden bit adds to the exponent field, and so does a carry out of the fraction.
        ulong field = (ulong)(lastExponent + FractionBits - MinExponent);
        ulong encoded = (kept >> FractionBits) == 0 ? kept : (field << FractionBits) + kept;
        if (encoded > LargestFinite)
        {
            bool towardZero = mode == RoundingMode.Zero || mode == RoundingMode.Down && !negative || mode == RoundingMode.Up
                && negative;
            encoded = saturate || towardZero ? LargestFinite : this == E4M3 ? 0x7Ful : Infinity;
        }
        return sign | encoded;
    }

    /// <summary>Encodes a double, which must be exact or rounded to odd with at least two bits to spare.</summary>
    public ulong Encode(double value, RoundingMode mode, bool saturate = false)
    {
        ulong bits = BitConverter.DoubleToUInt64Bits(value);
        bool negative = bits >> 63 != 0;
        int field = (int)(bits >> 52) & 0x7FF;
        ulong fraction = bits & 0xFFFFFFFFFFFFF;
        if (field == 0x7FF)
        {
            return fraction != 0 ? CanonicalNaN : (negative ? SignBit : 0)
                | (saturate ? LargestFinite : this == E4M3 ? 0x7Ful : Infinity);
        }
        return field == 0
            ? Encode(negative, fraction, -1074, false, mode, saturate)
            : Encode(negative, fraction | 1ul << 52, field - 1075, false, mode, saturate);
    }

    /// <summary>The exact value of an encoding; every format here fits a double.</summary>
    public double Decode(ulong bits)
    {
        if (this == F64)
        {
            return BitConverter.UInt64BitsToDouble(bits);
        }
        bool negative = (bits & SignBit) != 0;
        ulong field = (bits & (SignBit - 1)) >> FractionBits, fraction = bits & FractionMask;
        double magnitude;
        if (this == E4M3 ? (bits & 0x7F) == 0x7F : field == Infinity >> FractionBits)
        {
            magnitude = this == E4M3 || fraction != 0 ? double.NaN : double.PositiveInfinity;
        }
        else
        {
            ulong whole = field == 0 ? fraction : fraction | 1ul << FractionBits;
            magnitude = Math.ScaleB((double)whole, (field == 0 ? MinExponent : (int)field - 1 + MinExponent) - FractionBits);
        }
        return negative ? -magnitude : magnitude;
    }

    /// <summary>Subnormal encodings become zeros of their sign.</summary>
    public ulong Flush(ulong bits) => (bits & Infinity) == 0 ? bits & SignBit : bits;
}
