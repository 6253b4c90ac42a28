using System.Numerics;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Memory;
using FeatureTransform.Cuda.Emulator.Numerics;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>Atomics: one lane after the other, under a lock where blocks run on several cores.</summary>
internal static unsafe class AtomicOperations
{
    public static void Run(Warp w, Op* op)
    {
        w.ComputeAddresses(op, op->A, (op->Wide & Wide.A) != 0, op->Immediate);
        uint todo = w.Mask;
        while (todo != 0)
        {
            uint part = w.Locate(op, ref todo, op->Size, Access.Atomic, out Region region);
            if (part == 0)
            {
                return;
            }
            if (w.Block.Launch.HasWorkers)
            {
                // What the check notes and what memory holds change together.
                lock (w.Block.Launch.Memory.Atomics)
                {
                    Lanes(w, op, region, part);
                }
            }
            else
            {
                Lanes(w, op, region, part);
            }
        }
    }

    private static void Lanes(Warp w, Op* op, Region region, uint lanes)
    {
        w.Block.OnAccess(w, op, region, lanes, op->Size, Access.Atomic, (MemoryForm)op->Form);
        int bytes = op->Size;
        bool wide = bytes == 8;
        for (uint m = lanes; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            byte* at = region.Data + w.Offsets[lane];
            ulong old = bytes switch { 2 => *(ushort*)at, 4 => *(uint*)at, _ => *(ulong*)at };
            ulong b = wide ? ((ulong*)(w.R + op->B))[lane] : ((uint*)(w.R + op->B))[lane];
            ulong c = op->C < 0 ? 0 : wide ? ((ulong*)(w.R + op->C))[lane] : ((uint*)(w.R + op->C))[lane];
            ulong result = Apply(op, old, b, c);
            switch (bytes)
            {
                case 2:
                    *(ushort*)at = (ushort)result;
                    break;
                case 4:
                    *(uint*)at = (uint)result;
                    break;
                default:
                    *(ulong*)at = result;
                    break;
            }
            if (!op->Signed)
            {
                continue;
            }
            if (wide)
            {
                ((ulong*)(w.R + op->D))[lane] = old;
            }
            else
            {
                ((uint*)(w.R + op->D))[lane] = (uint)old;
            }
        }
    }

    private static ulong Apply(Op* op, ulong old, ulong b, ulong c)
    {
        var type = (PtxType)op->Count;
        long signedOld = IntegerScalars.Extend(type, old), signedB = IntegerScalars.Extend(type, b);
        return (AtomicOperation)op->Mode switch
        {
            AtomicOperation.Add when type.IsFloat() => AddFloat(op, type, old, b),
            AtomicOperation.Add => old + b,
            AtomicOperation.Min when type.IsFloat() => Extreme(type, old, b, false),
            AtomicOperation.Max when type.IsFloat() => Extreme(type, old, b, true),
            AtomicOperation.Min => type.IsSigned() ? signedOld < signedB ? old : b : Math.Min(old, b),
            AtomicOperation.Max => type.IsSigned() ? signedOld > signedB ? old : b : Math.Max(old, b),
            AtomicOperation.Inc => old >= b ? 0 : old + 1,
            AtomicOperation.Dec => old == 0 || old > b ? b : old - 1,
            AtomicOperation.Exch => b,
            AtomicOperation.Cas => old == b ? c : old,
            AtomicOperation.And => old & b,
            AtomicOperation.Or => old | b,
            _ => old ^ b,
        };
    }

    private static ulong AddFloat(Op* op, PtxType type, ulong old, ulong b)
    {
        FloatFormat format = FloatScalars.FormatOf(type);
        if (format == FloatFormat.F64)
        {
            return BitConverter.DoubleToUInt64Bits(BitConverter.UInt64BitsToDouble(old) + BitConverter.UInt64BitsToDouble(b));
        }
        if (type is PtxType.F16x2 or PtxType.BF16x2)
        {
            return Sum(format, old & 0xFFFF, b & 0xFFFF) | Sum(format, old >> 16 & 0xFFFF, b >> 16 & 0xFFFF) << 16;
        }
        bool flush = type == PtxType.F32 && op->Target == 1;
        ulong sum = Sum(format, flush ? format.Flush(old) : old, flush ? format.Flush(b) : b);
        return flush ? format.Flush(sum) : sum;
    }

    private static ulong Sum(FloatFormat format, ulong a, ulong b) =>
        format.Encode(OddDouble.Add(format.Decode(a), format.Decode(b)), RoundingMode.Nearest);

    private static ulong Extreme(PtxType type, ulong a, ulong b, bool max)
    {
        FloatFormat format = FloatScalars.FormatOf(type);
        return type is PtxType.F16x2 or PtxType.BF16x2
            ? One(a & 0xFFFF, b & 0xFFFF) | One(a >> 16 & 0xFFFF, b >> 16 & 0xFFFF) << 16 : One(a, b);

        ulong One(ulong x, ulong y)
        {
            double u = format.Decode(x), v = format.Decode(y);
            return double.IsNaN(u) ? double.IsNaN(v) ? format.CanonicalNaN : y
                : double.IsNaN(v) ? x : (u < v || u == v && double.IsNegative(u)) == max ? y : x;
        }
    }
}
