using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>What .ftz does to operands and results of fp32 operations.</summary>
internal interface IFlush
{
    static abstract Vector512<uint> Flush(Vector512<uint> a);
}

internal struct KeepSubnormals : IFlush
{
    public static Vector512<uint> Flush(Vector512<uint> a) => a;
}

internal struct FlushSubnormals : IFlush
{
    public static Vector512<uint> Flush(Vector512<uint> a)
    {
        Vector512<uint> subnormal = Vector512.Equals(a & Vector512.Create(0x7F800000u), Vector512<uint>.Zero);
        return Vector512.ConditionalSelect(subnormal, a & Vector512.Create(0x80000000u), a);
    }
}

internal static class Single
{
    /// <summary>fp32 arithmetic of a device has one NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Canonical(Vector512<float> a) =>
        Vector512.ConditionalSelect(Vector512.Equals(a, a).AsUInt32(), a.AsUInt32(), Vector512.Create(0x7FFFFFFFu));

    /// <summary>The lesser or greater: a NaN gives way to a number, and -0 is less than +0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<uint> Choose(Vector512<uint> a, Vector512<uint> b, bool greater)
    {
        Vector512<float> x = a.AsSingle(), y = b.AsSingle();
        Vector512<uint> first = (greater ? Vector512.GreaterThan(x, y) : Vector512.LessThan(x, y)).AsUInt32();
        Vector512<uint> equal = Vector512.Equals(x, y).AsUInt32();
        Vector512<uint> zeros = greater ? a & b : a | b; // equal values differ at most in the sign of zero
        Vector512<uint> xNaN = ~Vector512.Equals(x, x).AsUInt32(), yNaN = ~Vector512.Equals(y, y).AsUInt32();
        Vector512<uint> chosen = Vector512.ConditionalSelect(first | yNaN, a, b);
        chosen = Vector512.ConditionalSelect(equal, zeros, chosen);
        return Vector512.ConditionalSelect(xNaN & yNaN, Vector512.Create(0x7FFFFFFFu), chosen);
    }
}

internal struct AddF32<T> : IBinary<uint>
    where T : struct, IFlush
{
    public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b) =>
        T.Flush(Single.Canonical(T.Flush(a).AsSingle() + T.Flush(b).AsSingle()));
}

internal struct SubF32<T> : IBinary<uint>
    where T : struct, IFlush
{
    public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b) =>
        T.Flush(Single.Canonical(T.Flush(a).AsSingle() - T.Flush(b).AsSingle()));
}

internal struct MulF32<T> : IBinary<uint>
    where T : struct, IFlush
{
    public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b) =>
        T.Flush(Single.Canonical(T.Flush(a).AsSingle() * T.Flush(b).AsSingle()));
}

internal struct FmaF32<T> : ITernary<uint>
    where T : struct, IFlush
{
    public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b, Vector512<uint> c) =>
        T.Flush(Single.Canonical(Vector512.FusedMultiplyAdd(T.Flush(a).AsSingle(), T.Flush(b).AsSingle(),
            T.Flush(c).AsSingle())));
}

internal struct MinF32<T> : IBinary<uint>
    where T : struct, IFlush
{
    public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b) =>
        Single.Choose(T.Flush(a), T.Flush(b), greater: false);
}

internal struct MaxF32<T> : IBinary<uint>
    where T : struct, IFlush
{
    public static Vector512<uint> Apply(Vector512<uint> a, Vector512<uint> b) =>
        Single.Choose(T.Flush(a), T.Flush(b), greater: true);
}

internal struct NegateF32<T> : IUnary<uint>
    where T : struct, IFlush
{
    public static Vector512<uint> Apply(Vector512<uint> a) => T.Flush(a) ^ Vector512.Create(0x80000000u);
}

internal struct AbsF32<T> : IUnary<uint>
    where T : struct, IFlush
{
    public static Vector512<uint> Apply(Vector512<uint> a) => T.Flush(a) & Vector512.Create(0x7FFFFFFFu);
}

internal struct AddF64 : IBinary<ulong>
{
    public static Vector512<ulong> Apply(Vector512<ulong> a, Vector512<ulong> b) => (a.AsDouble() + b.AsDouble()).AsUInt64();
}

internal struct SubF64 : IBinary<ulong>
{
    public static Vector512<ulong> Apply(Vector512<ulong> a, Vector512<ulong> b) => (a.AsDouble() - b.AsDouble()).AsUInt64();
}

internal struct MulF64 : IBinary<ulong>
{
    public static Vector512<ulong> Apply(Vector512<ulong> a, Vector512<ulong> b) => (a.AsDouble() * b.AsDouble()).AsUInt64();
}

internal struct FmaF64 : ITernary<ulong>
{
    public static Vector512<ulong> Apply(Vector512<ulong> a, Vector512<ulong> b, Vector512<ulong> c) =>
        Vector512.FusedMultiplyAdd(a.AsDouble(), b.AsDouble(), c.AsDouble()).AsUInt64();
}

internal struct NegateF64 : IUnary<ulong>
{
    public static Vector512<ulong> Apply(Vector512<ulong> a) => a ^ Vector512.Create(1ul << 63);
}

internal struct AbsF64 : IUnary<ulong>
{
    public static Vector512<ulong> Apply(Vector512<ulong> a) => a & Vector512.Create(~0ul >> 1);
}

/// <summary>mul.wide: the product of two extended words.</summary>
internal struct Product : ITernary<ulong>
{
    public static Vector512<ulong> Apply(Vector512<ulong> a, Vector512<ulong> b, Vector512<ulong> c) => a * b;
}

/// <summary>mad.wide.</summary>
internal struct ProductSum : ITernary<ulong>
{
    public static Vector512<ulong> Apply(Vector512<ulong> a, Vector512<ulong> b, Vector512<ulong> c) => a * b + c;
}

/// <summary>cvt from a word to a double word.</summary>
internal struct First : ITernary<ulong>
{
    public static Vector512<ulong> Apply(Vector512<ulong> a, Vector512<ulong> b, Vector512<ulong> c) => a;
}
