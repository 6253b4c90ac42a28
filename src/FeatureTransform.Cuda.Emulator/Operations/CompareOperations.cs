using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Numerics;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>setp, set and their relatives; Mode is the comparison.</summary>
internal static unsafe class CompareOperations
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void F32<T>(Warp w, Op* op)
        where T : struct, IFlush
    {
        byte* r = w.R;
        var a = (uint*)(r + op->A);
        var b = (uint*)(r + op->B);
        uint low = Floats((Comparison)op->Mode, T.Flush(Vector512.Load(a)).AsSingle(), T.Flush(Vector512.Load(b)).AsSingle());
        uint high = Floats((Comparison)op->Mode, T.Flush(Vector512.Load(a + 16)).AsSingle(),
            T.Flush(Vector512.Load(b + 16)).AsSingle());
        PredicateOperations.PutComparison(w, op, low | high << 16);
    }

    private static uint Floats(Comparison comparison, Vector512<float> a, Vector512<float> b)
    {
        uint ordered = Bits(Vector512.Equals(a, a) & Vector512.Equals(b, b)) & 0xFFFF;
        return comparison switch
        {
            Comparison.Eq => Bits(Vector512.Equals(a, b)),
            Comparison.Ne => ordered & ~Bits(Vector512.Equals(a, b)),
            Comparison.Lt => Bits(Vector512.LessThan(a, b)),
            Comparison.Le => Bits(Vector512.LessThanOrEqual(a, b)),
            Comparison.Gt => Bits(Vector512.GreaterThan(a, b)),
            Comparison.Ge => Bits(Vector512.GreaterThanOrEqual(a, b)),
            Comparison.Equ => Bits(Vector512.Equals(a, b)) | ~ordered & 0xFFFF,
            Comparison.Neu => ~Bits(Vector512.Equals(a, b)) & 0xFFFF,
            Comparison.Ltu => ~Bits(Vector512.GreaterThanOrEqual(a, b)) & 0xFFFF,
            Comparison.Leu => ~Bits(Vector512.GreaterThan(a, b)) & 0xFFFF,
            Comparison.Gtu => ~Bits(Vector512.LessThanOrEqual(a, b)) & 0xFFFF,
            Comparison.Geu => ~Bits(Vector512.LessThan(a, b)) & 0xFFFF,
            Comparison.Num => ordered,
            _ => ~ordered & 0xFFFF,
        };
    }

    private static uint Bits(Vector512<float> mask) => (uint)mask.ExtractMostSignificantBits();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void S32(Warp w, Op* op) => Integers<int>(w, op, 16);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void U32(Warp w, Op* op) => Integers<uint>(w, op, 16);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void S64(Warp w, Op* op) => Integers<long>(w, op, 8);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void U64(Warp w, Op* op) => Integers<ulong>(w, op, 8);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Integers<T>(Warp w, Op* op, int step)
        where T : unmanaged
    {
        var a = (T*)(w.R + op->A);
        var b = (T*)(w.R + op->B);
        uint bits = 0;
        for (int i = 0; i < 32; i += step)
        {
            Vector512<T> x = Vector512.Load(a + i), y = Vector512.Load(b + i);
            Vector512<T> result = (Comparison)op->Mode switch
            {
                Comparison.Eq => Vector512.Equals(x, y),
                Comparison.Ne => ~Vector512.Equals(x, y),
                Comparison.Lt => Vector512.LessThan(x, y),
                Comparison.Le => Vector512.LessThanOrEqual(x, y),
                Comparison.Gt => Vector512.GreaterThan(x, y),
                _ => Vector512.GreaterThanOrEqual(x, y),
            };
            bits |= (uint)result.ExtractMostSignificantBits() << i;
        }
        PredicateOperations.PutComparison(w, op, bits);
    }

    /// <summary>fp64: lane by lane would do, but it is as easy by vectors of doubles.</summary>
    public static void F64(Warp w, Op* op)
    {
        var a = (double*)(w.R + op->A);
        var b = (double*)(w.R + op->B);
        uint bits = 0;
        for (int i = 0; i < 32; i++)
        {
            bits |= Compare((Comparison)op->Mode, a[i], b[i]) ? 1u << i : 0;
        }
        PredicateOperations.PutComparison(w, op, bits);
    }

    /// <summary>The types without a vector form: s16 and the halves, packed ones giving a predicate for each.</summary>
    public static void Scalar(Warp w, Op* op)
    {
        var type = (PtxType)op->Size;
        var a = (uint*)(w.R + op->A);
        var b = (uint*)(w.R + op->B);
        uint low = 0, high = 0;
        for (int i = 0; i < 32; i++)
        {
            low |= Test(op, type, a[i], b[i], 0) ? 1u << i : 0;
            high |= type is PtxType.F16x2 or PtxType.BF16x2 && Test(op, type, a[i], b[i], 16) ? 1u << i : 0;
        }
        if ((op->Form & 4) == 0)
        {
            PredicateOperations.PutComparison(w, op, low);
            return;
        }
        var form = (PredicateForm)(op->Form & 3);
        uint c = *(uint*)(w.R + op->C) ^ ((op->Form & PredicateOperations.SecondNegated) != 0 ? ~0u : 0);
        PredicateOperations.Put(w, op->D, PredicateOperations.Combine(form, low, c));
        PredicateOperations.Put(w, op->D2, PredicateOperations.Combine(form, high, c));
    }

    /// <summary>set: Count is the type of the result, Size that of the operands.</summary>
    public static void Set(Warp w, Op* op)
    {
        PtxType type = (PtxType)op->Size, result = (PtxType)op->Count;
        bool packed = type is PtxType.F16x2 or PtxType.BF16x2;
        bool wideSource = (op->Wide & Wide.A) != 0;
        uint c = *(uint*)(w.R + op->C) ^ ((op->Form & PredicateOperations.SecondNegated) != 0 ? ~0u : 0);
        for (uint m = w.Mask; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            ulong a = wideSource ? ((ulong*)(w.R + op->A))[lane] : ((uint*)(w.R + op->A))[lane];
            ulong b = wideSource ? ((ulong*)(w.R + op->B))[lane] : ((uint*)(w.R + op->B))[lane];
            uint other = c >> lane & 1;
            ulong value = One(op, result, Combined(op, Test(op, type, a, b, 0), other), packed);
            if (packed)
            {
                value |= One(op, result, Combined(op, Test(op, type, a, b, 16), other), true) << 16;
            }
            if ((op->Wide & Wide.D) != 0)
            {
                ((ulong*)(w.R + op->D))[lane] = value;
            }
            else
            {
                ((uint*)(w.R + op->D))[lane] = (uint)value;
            }
        }
    }

    private static bool Combined(Op* op, bool test, uint other) =>
        (PredicateOperations.Combine((PredicateForm)(op->Form & 3), test ? 1u : 0, other) & 1) != 0;

    private static ulong One(Op* op, PtxType result, bool holds, bool packed)
    {
        if (!holds)
        {
            return 0;
        }
        return result switch
        {
            PtxType.F32 => 0x3F800000,
            PtxType.F64 => 0x3FF0000000000000,
            PtxType.F16 or PtxType.F16x2 => 0x3C00,
            PtxType.BF16 or PtxType.BF16x2 => 0x3F80,
            _ => packed ? 0xFFFF : result.Bits() == 64 ? ~0ul : (1ul << result.Bits()) - 1,
        };
    }

    private static bool Test(Op* op, PtxType type, ulong a, ulong b, int shift)
    {
        if (!type.IsFloat())
        {
            return type.IsSigned()
                ? Ordered((Comparison)op->Mode, IntegerScalars.Extend(type, a).CompareTo(IntegerScalars.Extend(type, b)))
                : Ordered((Comparison)op->Mode, a.CompareTo(b));
        }
        FloatFormat format = FloatScalars.FormatOf(type);
        ulong mask = format.Bits == 64 ? ~0ul : (1ul << format.Bits) - 1, x = a >> shift & mask, y = b >> shift & mask;
        return op->Signed
            ? Compare((Comparison)op->Mode, format.Decode(format.Flush(x)), format.Decode(format.Flush(y)))
            : Compare((Comparison)op->Mode, format.Decode(x), format.Decode(y));
    }

    private static bool Ordered(Comparison comparison, int order) => comparison switch
    {
        Comparison.Eq => order == 0,
        Comparison.Ne => order != 0,
        Comparison.Lt => order < 0,
        Comparison.Le => order <= 0,
        Comparison.Gt => order > 0,
        _ => order >= 0,
    };

    private static bool Compare(Comparison comparison, double a, double b)
    {
        bool ordered = !double.IsNaN(a) && !double.IsNaN(b);
        return comparison switch
        {
            Comparison.Num => ordered,
            Comparison.Nan => !ordered,
            >= Comparison.Equ => !ordered || Ordered((Comparison)(comparison - Comparison.Equ), a == b ? 0 : a.CompareTo(b)),
            _ => ordered && Ordered(comparison, a == b ? 0 : a.CompareTo(b)),
        };
    }

    public static void TestProperty(Warp w, Op* op)
    {
        uint bits = 0;
        for (int i = 0; i < 32; i++)
        {
            double x;
            bool subnormal;
            if (op->Size == 8)
            {
                x = ((double*)(w.R + op->A))[i];
                subnormal = double.IsSubnormal(x);
            }
            else
            {
                float single = ((float*)(w.R + op->A))[i];
                (x, subnormal) = (single, float.IsSubnormal(single));
            }
            bool holds = op->Mode switch
            {
                0 => double.IsFinite(x),
                1 => double.IsInfinity(x),
                2 => !double.IsNaN(x),
                3 => double.IsNaN(x),
                4 => double.IsFinite(x) && x != 0 && !subnormal,
                _ => subnormal,
            };
            bits |= holds ? 1u << i : 0;
        }
        PredicateOperations.Put(w, op->D, bits);
    }

    public static ulong SelectByInteger(ulong a, ulong b, ulong c, Op* op) => (int)c >= 0 ? a : b;

    // slct: a NaN selects b, and -0 counts as zero.
    public static ulong SelectByFloat(ulong a, ulong b, ulong c, Op* op) => BitConverter.UInt32BitsToSingle((uint)c) >= 0 ? a : b;
}
