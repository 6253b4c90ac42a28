using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>How the result of a comparison combines with a predicate.</summary>
internal enum PredicateForm : byte
{
    Alone,
    And,
    Or,
    Xor,
}

/// <summary>Predicates: one bit a lane in one word.</summary>
internal static unsafe class PredicateOperations
{
    /// <summary>Bits of Form: which source is negated.</summary>
    public const byte FirstNegated = 0x10;
    public const byte SecondNegated = 0x20;

    public static byte Negations(PtxInstruction i, int first, int second) => (byte)(
        (i.Operands[first].IsNegated ? FirstNegated : 0) | (i.Operands[second].IsNegated ? SecondNegated : 0));

    /// <summary>and.pred, or.pred, xor.pred: Mode is the operation.</summary>
    public static void Combine(Warp w, Op* op)
    {
        uint a = *(uint*)(w.R + op->A) ^ ((op->Form & FirstNegated) != 0 ? ~0u : 0);
        uint b = *(uint*)(w.R + op->B) ^ ((op->Form & SecondNegated) != 0 ? ~0u : 0);
        Put(w, op->D, Combine((PredicateForm)op->Mode, a, b));
    }

    public static void Not(Warp w, Op* op) => Put(w, op->D, ~*(uint*)(w.R + op->A) ^ ((op->Form & FirstNegated) != 0 ? ~0u : 0));

    public static void Copy(Warp w, Op* op) => Put(w, op->D, *(uint*)(w.R + op->A) ^ ((op->Form & FirstNegated) != 0 ? ~0u : 0));

    /// <summary>Writes the bits of the executing lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put(Warp w, int offset, uint bits)
    {
        var d = (uint*)(w.R + offset);
        *d = (*d & ~w.Mask) | (bits & w.Mask);
    }

    /// <summary>The results of setp: p and, where it is wanted, q; Form is the combination, C the third predicate.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void PutComparison(Warp w, Op* op, uint bits)
    {
        if (op->Form == 0)
        {
            Put(w, op->D, bits);
            return;
        }
        PutCombined(w, op, bits);
    }

    private static void PutCombined(Warp w, Op* op, uint bits)
    {
        var form = (PredicateForm)(op->Form & 3);
        uint c = *(uint*)(w.R + op->C) ^ ((op->Form & SecondNegated) != 0 ? ~0u : 0);
        uint p = Combine(form, bits, c), q = Combine(form, ~bits, c);
        Put(w, op->D, p);
        if ((op->Form & 8) != 0)
        {
            Put(w, op->D2, q);
        }
    }

    public static uint Combine(PredicateForm form, uint a, uint b) => form switch
    {
        PredicateForm.And => a & b,
        PredicateForm.Or => a | b,
        PredicateForm.Xor => a ^ b,
        _ => a,
    };

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Select32(Warp w, Op* op)
    {
        byte* r = w.R;
        uint p = *(uint*)(r + op->C);
        var a = (uint*)(r + op->A);
        var b = (uint*)(r + op->B);
        Lanes.Store(w, (uint*)(r + op->D), Vector512.ConditionalSelect(Lanes.Select(p), Vector512.Load(a), Vector512.Load(b)),
            Vector512.ConditionalSelect(Lanes.Select(p >> 16), Vector512.Load(a + 16), Vector512.Load(b + 16)));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Select64(Warp w, Op* op)
    {
        byte* r = w.R;
        uint p = *(uint*)(r + op->C);
        var a = (ulong*)(r + op->A);
        var b = (ulong*)(r + op->B);
        for (int i = 0; i < 32; i += 8)
        {
            Lanes.Store(w, (ulong*)(r + op->D), i,
                Vector512.ConditionalSelect(Lanes.SelectWide(p >> i), Vector512.Load(a + i), Vector512.Load(b + i)));
        }
    }
}
