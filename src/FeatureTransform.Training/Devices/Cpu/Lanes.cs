using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using FeatureTransform.Native;

namespace FeatureTransform.Training.Devices.Cpu;

/// <summary>An element type of activations: sixteen at a time to and from fp32.</summary>
internal unsafe interface ILanes
{
    static abstract Vector512<float> Load(void* data, long index);

    static abstract void Store(Vector512<float> value, void* data, long index);
}

/// <summary>fp32 activations.</summary>
internal readonly unsafe struct Float32Lanes : ILanes
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(void* data, long index) => Vector512.Load((float*)data + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> value, void* data, long index) => value.Store((float*)data + index);
}

/// <summary>bf16 activations.</summary>
internal readonly unsafe struct BFloat16Lanes : ILanes
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(void* data, long index) => BFloat16.Widen(Vector256.Load((ushort*)data + index));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> value, void* data, long index) => BFloat16.Round(value).Store((ushort*)data + index);
}
