using System.Numerics;
using FeatureTransform.Cuda.Emulator.Execution;

namespace FeatureTransform.Cuda.Emulator.Operations;

internal enum CarryForm : byte
{
    Add,
    Subtract,
    MadLow,
    MadHigh,
}

/// <summary>Extended-precision arithmetic through the carry flag, of which each lane has one.</summary>
internal static unsafe class CarryOperations
{
    public const byte TakesCarry = 1;
    public const byte GivesCarry = 2;

    public static void Run(Warp w, Op* op)
    {
        byte* r = w.R;
        bool wide = (op->Wide & Wide.D) != 0;
        for (uint m = w.Mask; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            ulong a = wide ? ((ulong*)(r + op->A))[lane] : ((uint*)(r + op->A))[lane];
            ulong b = wide ? ((ulong*)(r + op->B))[lane] : ((uint*)(r + op->B))[lane];
            ulong c = wide ? ((ulong*)(r + op->C))[lane] : ((uint*)(r + op->C))[lane];
            ulong carry = (op->Form & TakesCarry) != 0 ? w.Carry >> lane & 1 : 0;
            bool borrow = (CarryForm)op->Mode == CarryForm.Subtract;
            (UInt128 left, UInt128 right) = (CarryForm)op->Mode switch
            {
                CarryForm.MadLow => (wide ? a * b : (uint)(a * b), c),
                CarryForm.MadHigh => (High(a, b, wide, op->Signed), c),
                _ => ((UInt128)a, (UInt128)b),
            };
            UInt128 sum = borrow ? left - right - carry : left + right + carry;
            bool flag = borrow ? left < right + carry : (sum >> (wide ? 64 : 32)) != 0;
            if (wide)
            {
                ((ulong*)(r + op->D))[lane] = (ulong)sum;
            }
            else
            {
                ((uint*)(r + op->D))[lane] = (uint)sum;
            }
            if ((op->Form & GivesCarry) != 0)
            {
                w.Carry = (w.Carry & ~(1u << lane)) | (flag ? 1u << lane : 0);
            }
        }
    }

    private static ulong High(ulong a, ulong b, bool wide, bool signed) => (wide, signed) switch
    {
        (true, true) => (ulong)((Int128)(long)a * (long)b >> 64),
        (true, false) => (ulong)((UInt128)a * b >> 64),
        (false, true) => (uint)((long)(int)a * (int)b >> 32),
        _ => a * b >> 32,
    };
}
