using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using FeatureTransform.Cuda.Emulator.Execution;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>The frequent conversions, by vectors of lanes.</summary>
internal static unsafe class ConvertOperations
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackBf16(Warp w, Op* op)
    {
        var a = (uint*)(w.R + op->A);
        var b = (uint*)(w.R + op->B);
        Lanes.Store(w, (uint*)(w.R + op->D), Round(Vector512.Load(a)) << 16 | Round(Vector512.Load(b)),
            Round(Vector512.Load(a + 16)) << 16 | Round(Vector512.Load(b + 16)));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ToBf16(Warp w, Op* op)
    {
        var a = (uint*)(w.R + op->A);
        Lanes.Store(w, (uint*)(w.R + op->D), Round(Vector512.Load(a)), Round(Vector512.Load(a + 16)));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FromBf16(Warp w, Op* op)
    {
        var a = (uint*)(w.R + op->A);
        Lanes.Store(w, (uint*)(w.R + op->D), Widen(Vector512.Load(a)), Widen(Vector512.Load(a + 16)));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SingleFromInt(Warp w, Op* op)
    {
        var a = (int*)(w.R + op->A);
        Lanes.Store(w, (uint*)(w.R + op->D), Vector512.ConvertToSingle(Vector512.Load(a)).AsUInt32(),
            Vector512.ConvertToSingle(Vector512.Load(a + 16)).AsUInt32());
    }

    /// <summary>The lower words of double words.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Truncate(Warp w, Op* op)
    {
        var a = (ulong*)(w.R + op->A);
        Lanes.Store(w, (uint*)(w.R + op->D), Vector512.Narrow(Vector512.Load(a), Vector512.Load(a + 8)),
            Vector512.Narrow(Vector512.Load(a + 16), Vector512.Load(a + 24)));
    }

    // Nearest even by adding half less one and the bit that is kept; a NaN becomes 0x7FFF.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Round(Vector512<uint> a)
    {
        Vector512<uint> odd = a >> 16 & Vector512.Create(1u);
        Vector512<uint> rounded = (a + Vector512.Create(0x7FFFu) + odd) >> 16;
        Vector512<uint> nan = ~Vector512.Equals(a.AsSingle(), a.AsSingle()).AsUInt32();
        return Vector512.ConditionalSelect(nan, Vector512.Create(0x7FFFu), rounded);
    }

    // fp32 has one NaN as a result of cvt.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Widen(Vector512<uint> a) => Single.Canonical((a << 16).AsSingle());
}
