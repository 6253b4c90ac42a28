using System.Numerics;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>Shifts, bit counts and bit fields on single values.</summary>
internal static unsafe class BitScalars
{
    public static ulong Cnot(ulong a, ulong b, ulong c, Op* op) => a == 0 ? 1ul : 0;

    public static ulong Not16(ulong a, ulong b, ulong c, Op* op) => ~a & 0xFFFF;

    public static ulong Popc(ulong a, ulong b, ulong c, Op* op) => (ulong)BitOperations.PopCount(a);

    public static ulong Clz32(ulong a, ulong b, ulong c, Op* op) => (ulong)BitOperations.LeadingZeroCount((uint)a);

    public static ulong Clz64(ulong a, ulong b, ulong c, Op* op) => (ulong)BitOperations.LeadingZeroCount(a);

    public static ulong Brev32(ulong a, ulong b, ulong c, Op* op) => Reverse(a) >> 32;

    public static ulong Brev64(ulong a, ulong b, ulong c, Op* op) => Reverse(a);

    public static ulong Bfind(ulong a, ulong b, ulong c, Op* op)
    {
        var type = (PtxType)op->Mode;
        int bits = type.Bits();
        long value = IntegerScalars.Extend(type, a);
        ulong searched = type.IsSigned() && value < 0 ? ~(ulong)value : a; // for negative numbers the highest zero
        if (searched == 0)
        {
            return uint.MaxValue;
        }
        int top = BitOperations.Log2(searched);
        return (uint)(op->Form == 1 ? bits - 1 - top : top);
    }

    /// <summary>fns d, mask, base, offset: the offset-th set bit from the base on.</summary>
    public static ulong Fns(ulong mask, ulong start, ulong offset, Op* op)
    {
        int count = (int)offset, step = count >= 0 ? 1 : -1, at = (int)start;
        count = count == 0 ? 1 : Math.Abs(count);
        bool only = (int)offset == 0;
        for (int i = at; i is >= 0 and < 32; i += step)
        {
            if ((mask >> i & 1) != 0 && --count == 0)
            {
                return (uint)i;
            }
            if (only)
            {
                break;
            }
        }
        return uint.MaxValue;
    }

    public static ulong Bfe(ulong a, ulong b, ulong c, Op* op)
    {
        var type = (PtxType)op->Mode;
        int bits = type.Bits(), position = (int)(b & 0xFF), length = (int)(c & 0xFF);
        long value = type.IsSigned() ? IntegerScalars.Extend(type, a) : (long)a;
        int last = Math.Min(position + length - 1, bits - 1);
        bool sign = type.IsSigned() && length > 0 && (value >> last & 1) != 0;
        ulong result = sign ? ~0ul : 0;
        for (int i = 0; i < bits && i < length && position + i < bits; i++)
        {
            ulong bit = (ulong)(value >> (position + i)) & 1;
            result = (result & ~(1ul << i)) | bit << i;
        }
        return bits == 64 ? result : (uint)result;
    }

    public static ulong PackField(ulong position, ulong length, ulong c, Op* op) => (position & 0xFF) | (length & 0xFF) << 8;

    /// <summary>Inserts a into b; c holds position and length.</summary>
    public static ulong Bfi(ulong a, ulong b, ulong c, Op* op)
    {
        int bits = ((PtxType)op->Mode).Bits(), position = (int)(c & 0xFF), length = (int)(c >> 8 & 0xFF);
        ulong result = b;
        for (int i = 0; i < length && position + i < bits; i++)
        {
            result = (result & ~(1ul << (position + i))) | (a >> i & 1) << (position + i);
        }
        return result;
    }

    public static ulong Szext(ulong a, ulong b, ulong c, Op* op)
    {
        int n = (op->Form & 2) != 0 ? (int)(b & 31) : (int)Math.Min(b, 32);
        if (n == 0)
        {
            return 0;
        }
        return (PtxType)op->Mode == PtxType.S32 ? (uint)((int)((uint)a << (32 - n)) >> (32 - n)) : (uint)(a & ((1ul << n) - 1));
    }

    public static ulong Bmsk(ulong a, ulong b, ulong c, Op* op)
    {
        bool wrap = (op->Form & 2) != 0;
        int start = wrap ? (int)(a & 31) : (int)Math.Min(a, 32), count = wrap ? (int)(b & 31) : (int)Math.Min(b, 32);
        return (uint)((start >= 32 ? 0 : uint.MaxValue << start) & (start + count >= 32 ? uint.MaxValue
            : (1u << (start + count)) - 1));
    }

    public static ulong Shf(ulong a, ulong b, ulong c, Op* op)
    {
        int n = (op->Form & 2) != 0 ? (int)(c & 31) : (int)Math.Min(c, 32);
        ulong both = b << 32 | a;
        return (op->Form & 1) != 0 ? (uint)(both << n >> 32) : (uint)(both >> n);
    }

    public static ulong Shl(ulong a, ulong b, ulong c, Op* op)
    {
        int bits = ((PtxType)op->Mode).Bits();
        ulong result = b >= (ulong)bits ? 0 : a << (int)b;
        return bits == 64 ? result : result & ((1ul << bits) - 1);
    }

    public static ulong Shr(ulong a, ulong b, ulong c, Op* op)
    {
        var type = (PtxType)op->Mode;
        int bits = type.Bits();
        if (type.IsSigned())
        {
            ulong shifted = (ulong)(IntegerScalars.Extend(type, a) >> (int)Math.Min(b, 63));
            return bits == 64 ? shifted : shifted & ((1ul << bits) - 1);
        }
        return b >= (ulong)bits ? 0 : a >> (int)b;
    }

    public static ulong Prmt(ulong a, ulong b, ulong c, Op* op)
    {
        ulong bytes = b << 32 | a;
        int s = (int)(c & 3);
        uint selector = op->Mode switch
        {
            1 => (uint)(s | (s + 1) << 4 | (s + 2) << 8 | (s + 3) << 12), // f4e
            2 => (uint)(s | ((s - 1) & 7) << 4 | ((s - 2) & 7) << 8 | ((s - 3) & 7) << 12), // b4e
            3 => (uint)(s * 0x1111), // rc8
            4 => (uint)(Math.Max(s, 0) | Math.Max(s, 1) << 4 | Math.Max(s, 2) << 8 | 3 << 12), // ecl
            5 => (uint)(0 | Math.Min(s, 1) << 4 | Math.Min(s, 2) << 8 | Math.Min(s, 3) << 12), // ecr
            6 => (s & 1) != 0 ? 0x3232u : 0x1010u, // rc16
            _ => (uint)c,
        };
        uint result = 0;
        for (int i = 0; i < 4; i++)
        {
            uint nibble = selector >> (4 * i) & 15;
            uint value = (uint)(bytes >> (int)(8 * (nibble & 7))) & 0xFF;
            if ((nibble & 8) != 0)
            {
                value = (value & 0x80) != 0 ? 0xFFu : 0;
            }
            result |= value << (8 * i);
        }
        return result;
    }

    private static ulong Reverse(ulong a)
    {
        a = (a >> 1 & 0x5555555555555555) | (a & 0x5555555555555555) << 1;
        a = (a >> 2 & 0x3333333333333333) | (a & 0x3333333333333333) << 2;
        a = (a >> 4 & 0x0F0F0F0F0F0F0F0F) | (a & 0x0F0F0F0F0F0F0F0F) << 4;
        return System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(a);
    }
}
