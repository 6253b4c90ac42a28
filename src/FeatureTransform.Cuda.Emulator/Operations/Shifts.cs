using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>Shifts by a different amount in each lane; amounts of 32 and more give zero.</summary>
internal static class Shifts
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Left(Vector512<uint> a, Vector512<uint> b)
    {
        if (Avx512F.IsSupported)
        {
            return Avx512F.ShiftLeftLogicalVariable(a, b);
        }
        if (Avx2.IsSupported)
        {
            return Vector512.Create(
                Avx2.ShiftLeftLogicalVariable(a.GetLower(), b.GetLower()),
                    Avx2.ShiftLeftLogicalVariable(a.GetUpper(), b.GetUpper()));
        }
        Span<uint> result = stackalloc uint[16];
        for (int i = 0; i < 16; i++)
        {
            result[i] = b[i] < 32 ? a[i] << (int)b[i] : 0;
        }
        return Vector512.Create<uint>(result);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Right(Vector512<uint> a, Vector512<uint> b)
    {
        if (Avx512F.IsSupported)
        {
            return Avx512F.ShiftRightLogicalVariable(a, b);
        }
        if (Avx2.IsSupported)
        {
            return Vector512.Create(
                Avx2.ShiftRightLogicalVariable(a.GetLower(), b.GetLower()),
                    Avx2.ShiftRightLogicalVariable(a.GetUpper(), b.GetUpper()));
        }
        Span<uint> result = stackalloc uint[16];
        for (int i = 0; i < 16; i++)
        {
            result[i] = b[i] < 32 ? a[i] >> (int)b[i] : 0;
        }
        return Vector512.Create<uint>(result);
    }

    /// <summary>Double words by amounts below 64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<ulong> Right(Vector512<ulong> a, Vector512<ulong> b)
    {
        if (Avx512F.IsSupported)
        {
            return Avx512F.ShiftRightLogicalVariable(a, b);
        }
        Span<ulong> result = stackalloc ulong[8];
        for (int i = 0; i < 8; i++)
        {
            result[i] = b[i] < 64 ? a[i] >> (int)b[i] : 0;
        }
        return Vector512.Create<ulong>(result);
    }
}
