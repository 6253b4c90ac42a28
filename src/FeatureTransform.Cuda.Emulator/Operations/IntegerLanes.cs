using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FeatureTransform.Cuda.Emulator.Operations;

// Integer arithmetic and logic over vectors of lanes, one type an instruction.

internal struct Add32 : IBinary<uint>
{
    public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b) => a + b;
}

internal struct Sub32 : IBinary<uint>
{
    public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b) => a - b;
}

internal struct Mul32 : IBinary<uint>
{
    public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b) => a * b;
}

internal struct Mad32 : ITernary<uint>
{
    public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b, Vector512<uint> c) => a * b + c;
}

internal struct MulHigh32<TExtend> : IBinary<uint>
    where TExtend : struct, IExtend
{
    public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b) => HighProduct.Of<TExtend>(a, b);
}

internal struct MadHigh32<TExtend> : ITernary<uint>
    where TExtend : struct, IExtend
{
    public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b, Vector512<uint> c) =>
        HighProduct.Of<TExtend>(a, b) + c;
}

internal static class HighProduct
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Of<TExtend>(Vector512<uint> a, Vector512<uint> b)
        where TExtend : struct, IExtend
    {
        Vector512<ulong> low = TExtend.Extend(a.GetLower()) * TExtend.Extend(b.GetLower()) >> 32;
        Vector512<ulong> high = TExtend.Extend(a.GetUpper()) * TExtend.Extend(b.GetUpper()) >> 32;
        return Vector512.Narrow(low, high);
    }
}

internal struct MinS32 : IBinary<uint>
{
    public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b) =>
        Vector512.Min(a.AsInt32(), b.AsInt32()).AsUInt32();
}

internal struct MaxS32 : IBinary<uint>
{
    public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b) =>
        Vector512.Max(a.AsInt32(), b.AsInt32()).AsUInt32();
}

internal struct MinU32 : IBinary<uint>
{
    public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b) => Vector512.Min(a, b);
}

internal struct MaxU32 : IBinary<uint>
{
    public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b) => Vector512.Max(a, b);
}

internal struct Negate32 : IUnary<uint>
{
    public static Vector512<uint> Apply(Vector512<uint> a) => -a;
}

internal struct AbsS32 : IUnary<uint>
{
    public static Vector512<uint> Apply(Vector512<uint> a) => Vector512.Abs(a.AsInt32()).AsUInt32();
}

internal struct And32 : IBinary<uint>
{
    public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b) => a & b;
}

internal struct Or32 : IBinary<uint>
{
    public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b) => a | b;
}

internal struct Xor32 : IBinary<uint>
{
    public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b) => a ^ b;
}

internal struct Not32 : IUnary<uint>
{
    public static Vector512<uint> Apply(Vector512<uint> a) => ~a;
}

internal struct Copy32 : IUnary<uint>
{
    public static Vector512<uint> Apply(Vector512<uint> a) => a;
}

internal struct Copy64 : IUnary<ulong>
{
    public static Vector512<ulong> Apply(Vector512<ulong> a) => a;
}

internal struct Add64 : IBinary<ulong>
{
    public static Vector512<ulong> Apply(Vector512<ulong> a, Vector512<ulong> b) => a + b;
}

internal struct Sub64 : IBinary<ulong>
{
    public static Vector512<ulong> Apply(Vector512<ulong> a, Vector512<ulong> b) => a - b;
}

internal struct Mul64 : IBinary<ulong>
{
    public static Vector512<ulong> Apply(Vector512<ulong> a, Vector512<ulong> b) => a * b;
}

internal struct Mad64 : ITernary<ulong>
{
    public static Vector512<ulong> Apply(Vector512<ulong> a, Vector512<ulong> b, Vector512<ulong> c) => a * b + c;
}

internal struct And64 : IBinary<ulong>
{
    public static Vector512<ulong> Apply(Vector512<ulong> a, Vector512<ulong> b) => a & b;
}

internal struct Or64 : IBinary<ulong>
{
    public static Vector512<ulong> Apply(Vector512<ulong> a, Vector512<ulong> b) => a | b;
}

internal struct Xor64 : IBinary<ulong>
{
    public static Vector512<ulong> Apply(Vector512<ulong> a, Vector512<ulong> b) => a ^ b;
}

internal struct Not64 : IUnary<ulong>
{
    public static Vector512<ulong> Apply(Vector512<ulong> a) => ~a;
}

internal struct Negate64 : IUnary<ulong>
{
    public static Vector512<ulong> Apply(Vector512<ulong> a) => Vector512<ulong>.Zero - a;
}

/// <summary>shl: amounts above the width give zero.</summary>
internal struct ShiftLeft32 : IBinary<uint>
{
    public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b) => Shifts.Left(a, b);
}

internal struct ShiftRightU32 : IBinary<uint>
{
    public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b) => Shifts.Right(a, b);
}
