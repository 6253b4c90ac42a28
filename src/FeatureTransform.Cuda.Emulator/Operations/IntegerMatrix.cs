using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>mma of bytes: exact sums in 32 bits, wrapping or, with .satfinite, clamped.</summary>
internal static unsafe class IntegerMatrix
{
    public static void Multiply(Warp w, Op* op)
    {
        int k = op->Size, aCount = k / 8, bCount = k / 16;
        bool aSigned = (PtxType)op->Mode == PtxType.S8, bSigned = (PtxType)op->Count == PtxType.S8;
        byte* r = w.R;
        int* results = (int*)w.Data;
        for (int row = 0; row < 16; row++)
        {
            for (int column = 0; column < 8; column++)
            {
                int register = (row >> 3) * 2 + (column & 1), lane = (row & 7) * 4 + (column >> 1);
                long sum = ((int*)(r + op->List[4 + aCount + bCount + register]))[lane];
                for (int i = 0; i < k; i++)
                {
                    uint a = ((uint*)(r + op->List[4 + i / 16 * 2 + (row >> 3)]))[(row & 7) * 4 + i % 16 / 4] >> (8 * (i & 3));
                    uint b = ((uint*)(r + op->List[4 + aCount + i / 16]))[column * 4 + i % 16 / 4] >> (8 * (i & 3));
                    sum += (aSigned ? (sbyte)a : (byte)a) * (bSigned ? (sbyte)b : (byte)b);
                }
                results[32 * register + lane] = (op->Form & 2) != 0 ? (int)Math.Clamp(sum, int.MinValue, int.MaxValue) : (int)sum;
            }
        }
        for (int register = 0; register < 4; register++)
        {
            Buffer.MemoryCopy(results + 32 * register, r + op->List[register], 128, 128);
        }
    }
}
