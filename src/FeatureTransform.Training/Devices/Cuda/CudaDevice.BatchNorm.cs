using FeatureTransform.Native;
using FeatureTransform.Native.Cuda;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>
/// Batch normalisation by cuDNN, group by group, with shortcut and ReLU in the same graph; inference by a kernel of our own.
/// </summary>
internal sealed unsafe partial class CudaDevice
{

    private NormInference NormInference => field ??= new NormInference(kernels, type);

    public Tensor BatchNorm(
        Tensor x, Tensor shortcut, ParameterStore store, NormParameters norm, bool relu, int groups, out Tensor statistics)
    {
        if (x.N % groups != 0)
        {
            throw new ArgumentException($"A batch of {x.N} cannot be split into {groups} equal groups.", nameof(groups));
        }

        var parameters = (CudaParameterStore)store;
        Tensor y = Allocate(type, x.N, x.H, x.W, x.C);
        NormShape first = NormShape.Forward(x, groups, 0, shortcut.Exists, relu);
        var saved = new NormStatistics(0, groups, x.C, first.MaskBytes);
        statistics = AllocateBytes(saved.Bytes);
        saved = saved with { Address = (ulong)statistics.Data };

        // cuDNN writes the running statistics beside the old ones, not over them.
        Tensor running = Allocate(ElementType.Float32, 1, 1, 2, x.C);
        Span<ulong> addresses = stackalloc ulong[12];
        for (int group = 0; group < groups; group++)
        {
            NormShape shape = NormShape.Forward(x, groups, group, shortcut.Exists, relu);
            int count = 0;
            addresses[count++] = At(x, group, groups);
            addresses[count++] = parameters.AddressOf(norm.Weight);
            addresses[count++] = parameters.AddressOf(norm.Bias);
            addresses[count++] = saved.Mean(group);
            addresses[count++] = saved.Inverse(group);
            addresses[count++] = At(y, group, groups);
            if (shape.Running)
            {
                addresses[count++] = parameters.AddressOf(norm.RunningMean);
                addresses[count++] = parameters.AddressOf(norm.RunningVariance);
                addresses[count++] = (ulong)running.Data;
                addresses[count++] = At(running, 1, 2);
            }

            if (shape.Shortcut)
            {
                addresses[count++] = At(shortcut, group, groups);
            }

            if (shape.Relu)
            {
                addresses[count++] = saved.Mask(group);
            }

            Execute(layers.BatchNorm[shape], addresses[..count]);
        }

        long bytes = (long)x.C * sizeof(float);
        ulong mean = parameters.AddressOf(norm.RunningMean), variance = parameters.AddressOf(norm.RunningVariance);
        bool together = variance == mean + (ulong)bytes;
        DeviceCopies.Copy(stream, (ulong)running.Data, mean, together ? 2 * bytes : bytes);
        if (!together)
        {
            DeviceCopies.Copy(stream, At(running, 1, 2), variance, bytes); // padding lies between them
        }

        Free(running);
        return y;
    }

    public Tensor BatchNormInference(Tensor x, Tensor shortcut, ParameterStore store, NormParameters norm, bool relu)
    {
        var parameters = (CudaParameterStore)store;
        NormInference.Launch(stream, new NormInferenceArgs
        {
            X = (ulong)x.Data,
            Shortcut = shortcut.Exists ? (ulong)shortcut.Data : 0,
            Weight = parameters.AddressOf(norm.Weight),
            Bias = parameters.AddressOf(norm.Bias),
            Mean = parameters.AddressOf(norm.RunningMean),
            Variance = parameters.AddressOf(norm.RunningVariance),
            Rows = (ulong)x.Pixels,
            C = (uint)x.C,
            Relu = relu ? 1u : 0,
            Epsilon = NormParameters.Epsilon,
        });
        return x;
    }

    public Tensor BatchNormBackward(
        ref Tensor dy, Tensor dy2, Tensor x, Tensor y, ParameterStore store, NormParameters norm, bool shortcut, bool relu, int groups,
        Tensor statistics)
    {
        var parameters = (CudaParameterStore)store;
        NormShape shape = NormShape.Backward(x, groups, shortcut, relu, dy2.Exists);
        var saved = new NormStatistics((ulong)statistics.Data, groups, x.C, shape.MaskBytes);
        Tensor beforeRelu = shape.Shortcut ? Allocate(type, x.N, x.H, x.W, x.C) : default;
        Tensor dx = Allocate(type, x.N, x.H, x.W, x.C);
        Tensor parts = groups > 1 ? Allocate(ElementType.Float32, 2, 1, groups, x.C) : default;
        Span<ulong> addresses = stackalloc ulong[11];
        for (int group = 0; group < groups; group++)
        {
            int count = 0;
            addresses[count++] = At(dy, group, groups);
            addresses[count++] = At(x, group, groups);
            addresses[count++] = parameters.AddressOf(norm.Weight);
            addresses[count++] = saved.Mean(group);
            addresses[count++] = saved.Inverse(group);
            addresses[count++] = At(dx, group, groups);
            addresses[count++] = parts.Exists ? At(parts, group, 2 * groups) : parameters.GradientOf(norm.Weight);
            addresses[count++] = parts.Exists ? At(parts, groups + group, 2 * groups) : parameters.GradientOf(norm.Bias);
            if (dy2.Exists)
            {
                addresses[count++] = At(dy2, group, groups);
            }

            if (relu)
            {
                addresses[count++] = saved.Mask(group);
            }

            if (beforeRelu.Exists)
            {
                addresses[count++] = At(beforeRelu, group, groups);
            }

            Execute(layers.BatchNormBackward[shape], addresses[..count]);
        }

        if (beforeRelu.Exists)
        {
            Free(dy);
            dy = beforeRelu;
        }

        if (parts.Exists)
        {
            SumRows(At(parts, 0, 2), groups, x.C, parameters.GradientOf(norm.Weight));
            SumRows(At(parts, 1, 2), groups, x.C, parameters.GradientOf(norm.Bias));
            Free(parts);
        }

        return dx;
    }

    // The bias gradient of a linear layer without a ReLU.
    private void SumRows(ulong rows, int count, int c, ulong sums) => biasRelu.Launch(stream, ElementType.Float32, new BiasReluArgs
    {
        Dy = rows,
        Gradient = sums,
        N = (uint)count,
        C = (uint)c,
    });

    /// <summary>Address of one of several equal parts of a tensor.</summary>
    private static ulong At(Tensor tensor, int part, int parts) =>
        (ulong)tensor.Data + (ulong)(tensor.Count / parts * part * SizeOf(tensor.Type));
}
