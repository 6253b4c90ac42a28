using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

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

/// <summary>bf16 activations: rounded to nearest even; NaN stays NaN.</summary>
internal readonly unsafe struct BFloat16Lanes : ILanes
{
    /// <summary>The bits of one value in bf16.</summary>
    public static ushort Round(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? (ushort)0x7fc0 : (ushort)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }

    /// <summary>bf16 to fp32, which is exact.</summary>
    public static void Widen(void* source, float* target, long count)
    {
        long i = 0;
        for (; i + Vector512<float>.Count <= count; i += Vector512<float>.Count)
        {
            Load(source, i).Store(target + i);
        }

        for (; i < count; i++)
        {
            target[i] = BitConverter.UInt32BitsToSingle((uint)((ushort*)source)[i] << 16);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(void* data, long index)
    {
        (Vector256<uint> low, Vector256<uint> high) = Vector256.Widen(Vector256.Load((ushort*)data + index));
        return Vector512.ShiftLeft(Vector512.Create(low, high), 16).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> value, void* data, long index)
    {
        Vector512<uint> bits = value.AsUInt32();
        Vector512<uint> odd = Vector512.ShiftRightLogical(bits, 16) & Vector512<uint>.One;
        Vector512<uint> rounded = Vector512.ShiftRightLogical(bits + Vector512.Create(0x7fffu) + odd, 16);
        Vector512<uint> result = Vector512.ConditionalSelect(
            Vector512.Equals(value, value).AsUInt32(), rounded, Vector512.Create(0x7fc0u));
        Vector256.Narrow(result.GetLower(), result.GetUpper()).Store((ushort*)data + index);
    }
}
