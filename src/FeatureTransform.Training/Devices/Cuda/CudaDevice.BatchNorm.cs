using FeatureTransform.Native;
using FeatureTransform.Native.Cuda;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>
/// Batch normalisation by cuDNN, group by group, with shortcut and ReLU in the same graph; inference by a kernel of our own.
/// </summary>
internal sealed unsafe partial class CudaDevice
{
    private readonly ReluBackward reluBackward;
    private readonly BiasRelu columnSums;

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
        var saved = new NormStatistics(0, groups, x.C, first.Mask ? first.MaskBytes : 0);
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

            if (shape.Mask)
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

    /// <summary>dy stays as it is where the forward pass left a mask and there is no dy2: no shortcut asks for it then.</summary>
    public Tensor BatchNormBackward(
        Tensor dy, Tensor dy2, Tensor x, Tensor y, ParameterStore store, NormParameters norm, bool relu, int groups, Tensor statistics)
    {
        var parameters = (CudaParameterStore)store;
        bool masked = relu && !dy2.Exists && NormStatistics.HasMask(statistics, groups, x.C);
        NormShape shape = NormShape.Backward(x, groups, masked);
        var saved = new NormStatistics((ulong)statistics.Data, groups, x.C, shape.MaskBytes);
        if (dy2.Exists || (relu && !masked))
        {
            reluBackward.Launch(stream, new ReluBackwardArgs
            {
                Dy = (ulong)dy.Data,
                Dy2 = dy2.Exists ? (ulong)dy2.Data : 0,
                Y = relu ? (ulong)y.Data : 0,
                Count = (ulong)dy.Count,
            });
        }

        Tensor dx = Allocate(type, x.N, x.H, x.W, x.C);
        Tensor parts = groups > 1 ? Allocate(ElementType.Float32, 2, 1, groups, x.C) : default;
        Span<ulong> addresses = stackalloc ulong[9];
        for (int group = 0; group < groups; group++)
        {
            addresses[0] = At(dy, group, groups);
            addresses[1] = At(x, group, groups);
            addresses[2] = parameters.AddressOf(norm.Weight);
            addresses[3] = saved.Mean(group);
            addresses[4] = saved.Inverse(group);
            addresses[5] = At(dx, group, groups);
            addresses[6] = parts.Exists ? At(parts, group, 2 * groups) : parameters.GradientOf(norm.Weight);
            addresses[7] = parts.Exists ? At(parts, groups + group, 2 * groups) : parameters.GradientOf(norm.Bias);
            addresses[8] = masked ? saved.Mask(group) : 0;
            Execute(layers.BatchNormBackward[shape], addresses[..(masked ? 9 : 8)]);
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
    private void SumRows(ulong rows, int count, int c, ulong sums) => columnSums.Launch(stream, new BiasReluArgs
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
