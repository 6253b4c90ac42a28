using System.Runtime.InteropServices;
using FeatureTransform.LibTorch;

namespace FeatureTransform.Benchmarks.Operators;

/// <summary>A tensor of LibTorch that is freed with this object.</summary>
internal sealed unsafe class AtenTensor(nint handle) : IDisposable
{
    /// <summary>A contiguous fp32 tensor with a copy of the values.</summary>
    public AtenTensor(ReadOnlySpan<long> sizes, ReadOnlySpan<float> values)
        : this(ATen.Empty(ATen.Float32, sizes, Strides(sizes))) => values.CopyTo(new Span<float>(ATen.Data(Handle), values.Length));

    public nint Handle { get; } = handle;

    /// <summary>The tensor as an argument of <see cref="Call(ReadOnlySpan{byte}, ReadOnlySpan{ulong})"/>, for one call.</summary>
    public ulong Argument => ATen.Argument(Handle);

    /// <summary>Calls an operator with one result; zero-terminated name.</summary>
    public static AtenTensor Call(ReadOnlySpan<byte> name, params ReadOnlySpan<ulong> arguments) => Call(name, "\0"u8, arguments);

    /// <summary>Calls an overload of an operator with one result; zero-terminated names.</summary>
    public static AtenTensor Call(ReadOnlySpan<byte> name, ReadOnlySpan<byte> overload, params ReadOnlySpan<ulong> arguments)
    {
        ulong* stack = stackalloc ulong[8];
        arguments.CopyTo(new Span<ulong>(stack, 8));
        ATen.Call(name, overload, stack);
        return new AtenTensor((nint)stack[0]);
    }

    /// <summary>An optional argument that is there: a heap cell, which the callee deletes.</summary>
    public static ulong Some(ulong value)
    {
        ulong* cell = (ulong*)NativeMemory.Alloc(sizeof(ulong));
        *cell = value;
        return (ulong)cell;
    }

    public void Dispose() => ATen.Delete(Handle);

    private static long[] Strides(ReadOnlySpan<long> sizes)
    {
        var strides = new long[sizes.Length];
        long stride = 1;
        for (int i = sizes.Length - 1; i >= 0; i--)
        {
            (strides[i], stride) = (stride, stride * sizes[i]);
        }

        return strides;
    }
}
