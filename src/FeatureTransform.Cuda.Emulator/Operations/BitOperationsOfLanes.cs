using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using FeatureTransform.Cuda.Emulator.Execution;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>lop3: any function of three bits, by its table.</summary>
internal static unsafe class BitOperationsOfLanes
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Lop3(Warp w, Op* op)
    {
        byte* r = w.R;
        var a = (uint*)(r + op->A);
        var b = (uint*)(r + op->B);
        var c = (uint*)(r + op->C);
        Lanes.Store(w, (uint*)(r + op->D), Apply(op->Mode, Vector512.Load(a), Vector512.Load(b), Vector512.Load(c)),
            Apply(op->Mode, Vector512.Load(a + 16), Vector512.Load(b + 16), Vector512.Load(c + 16)));
    }

    private static Vector512<uint> Apply(byte table, Vector512<uint> a, Vector512<uint> b, Vector512<uint> c)
    {
        Vector512<uint> result = Vector512<uint>.Zero;
        for (int k = 0; k < 8; k++)
        {
            if ((table >> k & 1) != 0)
            {
                result |= ((k & 4) != 0 ? a : ~a) & ((k & 2) != 0 ? b : ~b) & ((k & 1) != 0 ? c : ~c);
            }
        }
        return result;
    }
}
