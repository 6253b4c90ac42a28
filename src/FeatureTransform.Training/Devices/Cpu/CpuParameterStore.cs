using System.Runtime.InteropServices;

namespace FeatureTransform.Training.Devices.Cpu;

/// <summary>Parameters in native memory, aligned to 64 bytes, in the flat order of their layout.</summary>
internal sealed unsafe class CpuParameterStore : ParameterStore
{
    private const nuint Alignment = 64;

    public CpuParameterStore(ParameterLayout layout, bool trained, bool bfloat16)
        : base(layout)
    {
        Weights = Allocate(layout.TrainedCount);
        Buffers = Allocate(layout.BufferCount);
        if (trained)
        {
            Gradient = Allocate(layout.TrainedCount);
            Momentum = Allocate(layout.TrainedCount);
        }

        if (bfloat16)
        {
            HalfWeights = (ushort*)Allocate(layout.TrainedCount / 2);
        }
    }

    public float* Weights { get; private set; }

    public float* Buffers { get; private set; }

    /// <summary>Null where the model is not trained.</summary>
    public float* Gradient { get; private set; }

    /// <summary>Null where the model is not trained.</summary>
    public float* Momentum { get; private set; }

    /// <summary>The weights in bf16; null in fp32.</summary>
    public ushort* HalfWeights { get; private set; }

    public override void Read(Parameter parameter, Span<float> destination) =>
        View(parameter.Trained ? Weights : Buffers, parameter).CopyTo(destination);

    public override void Write(Parameter parameter, ReadOnlySpan<float> source) =>
        source.CopyTo(View(parameter.Trained ? Weights : Buffers, parameter));

    public override void ReadGradient(Parameter parameter, Span<float> destination) =>
        View(Gradient, parameter).CopyTo(destination);

    public override void ReadMomentum(Parameter parameter, Span<float> destination) =>
        View(Momentum, parameter).CopyTo(destination);

    public override void WriteMomentum(Parameter parameter, ReadOnlySpan<float> source) =>
        source.CopyTo(View(Momentum, parameter));

    public override void Refresh()
    {
        if (HalfWeights != null)
        {
            ElementwiseKernels.Cast(Weights, HalfWeights, Layout.TrainedCount);
        }
    }

    public override void Dispose()
    {
        foreach (nint memory in new[] { (nint)Weights, (nint)Buffers, (nint)Gradient, (nint)Momentum, (nint)HalfWeights })
        {
            NativeMemory.AlignedFree((void*)memory);
        }

        Weights = Buffers = Gradient = Momentum = null;
        HalfWeights = null;
    }

    private static float* Allocate(long count)
    {
        nuint bytes = (nuint)Math.Max(count, 16) * sizeof(float);
        void* memory = NativeMemory.AlignedAlloc(bytes, Alignment);
        NativeMemory.Clear(memory, bytes);
        return (float*)memory;
    }

    private static Span<float> View(float* memory, Parameter parameter) =>
        new(memory + parameter.Offset, checked((int)parameter.Count));
}
