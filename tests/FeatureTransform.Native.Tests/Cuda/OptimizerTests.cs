using System.Numerics;
using System.Runtime.InteropServices;
using FeatureTransform.Native.Cuda;
using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>sgd and lars over tensors of many sizes and kinds in one launch, against their formulas in fp64.</summary>
public abstract class OptimizerTests<TDevice> : KernelTests<TDevice>
    where TDevice : ITestDevice
{
    private const float Rate = 0.03f, Momentum = 0.9f, Decay = 1e-2f, Trust = 0.02f;
    private const ParameterFlags Everything = ParameterFlags.Decay | ParameterFlags.TrustRatio | ParameterFlags.Bf16Gradient;

    // First element, elements, flags: a chunk more and less, room between two tensors, and tensors of zeros.
    private static readonly (int First, int Count, ParameterFlags Flags)[] Tensors =
    [
        (0, 4, ParameterFlags.Decay | ParameterFlags.TrustRatio), (4, 32, ParameterFlags.None),
        (44, ParameterTable.Chunk + 4, ParameterFlags.Decay), (8244, (2 * ParameterTable.Chunk) - 4, Everything),
        (24624, 1028, ParameterFlags.TrustRatio), (25652, 256, ParameterFlags.Bf16Gradient), (25908, 64, Everything),
        (25972, 64, ParameterFlags.TrustRatio),
    ];

    private const int Count = 26036, ZeroWeights = 25908, ZeroGradient = 25972;

    [Theory]
    [InlineData(true, null)]
    [InlineData(false, 1.5f)]
    public void Sgd_has_the_bits_of_plain_code(bool half, float? loss)
    {
        using KernelDevice device = TDevice.Open();
        Arrays<float> start = Start(), actual = Sgd(device, start, half, loss), expected = Update(start, trust: false);
        Accuracy.SameBits("weights", expected.Weights, actual.Weights);
        Accuracy.SameBits("velocity", expected.Velocity, actual.Velocity);
        Arrays<double> oracle = Update(Convert<double>(start), trust: false);
        Accuracy.Check("weights", 3e-7, oracle.Weights, actual.Weights);
        Accuracy.Check("velocity", 3e-7, oracle.Velocity, actual.Velocity);
    }

    [Theory]
    [InlineData(true, 0f)]
    [InlineData(false, null)]
    public void Lars_equals_the_oracle(bool half, float? loss)
    {
        using KernelDevice device = TDevice.Open();
        Arrays<float> start = Start(), actual = Lars(device, start, half, loss), plain = Update(start, trust: true);
        Arrays<double> oracle = Update(Convert<double>(start), trust: true);
        Accuracy.Check("weights", 2, 1.2e-7, oracle.Weights, plain.Weights, actual.Weights);
        Accuracy.Check("velocity", 2, 1.2e-7, oracle.Velocity, plain.Velocity, actual.Velocity);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.NegativeInfinity)]
    public void After_a_loss_that_is_not_finite_nothing_changes(float loss)
    {
        using KernelDevice device = TDevice.Open();
        Arrays<float> start = Start();
        foreach (Arrays<float> actual in new[] { Sgd(device, start, false, loss), Lars(device, start, false, loss) })
        {
            Accuracy.SameBits("weights", start.Weights, actual.Weights);
            Accuracy.SameBits("velocity", start.Velocity, actual.Velocity);
        }
    }

    [Fact]
    public void A_tensor_that_is_not_padded_is_refused()
    {
        var table = new ParameterTable();
        foreach ((long first, long count) in new[] { (-4L, 4L), (2, 4), (0, 0), (0, 6) })
        {
            Assert.Throws<ArgumentException>(() => table.Add(first, count, ParameterFlags.None));
        }
    }

    private protected override byte[] Outputs(KernelDevice device)
    {
        (Arrays<float> sgd, Arrays<float> lars) = (Sgd(device, Start(), true, null), Lars(device, Start(), true, null));
        return MemoryMarshal.AsBytes<float>([.. sgd.Weights, .. sgd.Velocity, .. lars.Weights, .. lars.Velocity]).ToArray();
    }

    // The gradient is the widened one where a tensor has it in bf16.
    private static Arrays<float> Start()
    {
        float[] weights = Inputs.Uniform(Count, 1), gradient = Inputs.Uniform(Count, 2, ElementType.BFloat16);
        Array.Clear(weights, ZeroWeights, 64);
        Array.Clear(gradient, ZeroGradient, 64);
        return new Arrays<float>(weights, gradient, Inputs.Uniform(Count, 3));
    }

    private static Arrays<float> Sgd(KernelDevice device, Arrays<float> start, bool half, float? loss) => Launch(
        device, start, half, loss, (arrays, chunks) => new Sgd(device.Kernels, ElementType.Float32).Launch(
            device.Stream, chunks, new SgdArgs { Arrays = arrays, Momentum = Momentum, Decay = Decay }));

    private static Arrays<float> Lars(KernelDevice device, Arrays<float> start, bool half, float? loss) => Launch(
        device, start, half, loss, (arrays, chunks) => new Lars(device.Kernels).Launch(device.Stream, chunks, new LarsArgs
        {
            Arrays = arrays,
            Squares = device.Poisoned<double>(chunks * Native.Cuda.Lars.SquareBytes / sizeof(double)).Address,
            Momentum = Momentum,
            Decay = Decay,
            Trust = Trust,
        }));

    private static Arrays<float> Launch(
        KernelDevice device, Arrays<float> start, bool half, float? loss, Action<ParameterArrays, int> launch)
    {
        var table = new ParameterTable();
        float[] single = [.. start.Gradient];
        float[] rounded = new float[Count];
        Array.Fill(rounded, float.NaN);
        foreach ((int first, int count, ParameterFlags flags) in Tensors)
        {
            table.Add(first, count, flags);
            if (flags.HasFlag(ParameterFlags.Bf16Gradient))
            {
                start.Gradient.AsSpan(first, count).CopyTo(rounded.AsSpan(first));
                single.AsSpan(first, count).Fill(float.NaN); // not to be looked at
            }
        }

        DeviceArray<float> weights = device.Guarded<float>(start.Weights), velocity = device.Guarded<float>(start.Velocity);
        DeviceArray<ushort>? copy = half ? device.Guarded<ushort>(Bf16.Round(start.Weights)) : null;
        launch(
            new ParameterArrays
            {
                Chunks = device.Upload(table.Chunks).Address,
                Segments = device.Upload(table.Segments).Address,
                Weights = weights.Address,
                Gradient = device.Upload<float>(single).Address,
                GradientBf16 = device.Upload(ElementType.BFloat16, rounded),
                Velocity = velocity.Address,
                WeightsBf16 = copy?.Address ?? 0,
                LearningRate = device.Upload<float>([Rate]).Address,
                Loss = loss is { } known ? device.Upload<float>([known]).Address : 0,
            },
            table.Chunks.Length);
        float[] result = weights.Read();
        Accuracy.SameBits("bf16 copy", half ? Bf16.Round(result) : [], copy?.Read() ?? []);
        return new Arrays<float>(result, start.Gradient, velocity.Read());
    }

    private static Arrays<T> Convert<T>(Arrays<float> arrays)
        where T : IFloatingPointIeee754<T>
    {
        static T[] All(float[] values) => [.. values.Select(x => T.CreateChecked(x))];
        return new Arrays<T>(All(arrays.Weights), All(arrays.Gradient), All(arrays.Velocity));
    }

    // The formulas in T: what no tensor holds stays.
    private static Arrays<T> Update<T>(Arrays<T> start, bool trust)
        where T : IFloatingPointIeee754<T>
    {
        T[] weights = [.. start.Weights], velocity = [.. start.Velocity];
        (T rate, T momentum) = (T.CreateChecked(Rate), T.CreateChecked(Momentum));
        foreach ((int first, int count, ParameterFlags flags) in Tensors)
        {
            T decay = flags.HasFlag(ParameterFlags.Decay) ? T.CreateChecked(Decay) : T.Zero;
            T[] gradient = [.. Enumerable.Range(first, count).Select(i => start.Gradient[i] + (decay * weights[i]))];
            if (trust && flags.HasFlag(ParameterFlags.TrustRatio))
            {
                T length = PlainContrast<T>.Norm(weights[first..(first + count)]), slope = PlainContrast<T>.Norm(gradient);
                T ratio = length > T.Zero && slope > T.Zero ? T.CreateChecked(Trust) * length / slope : T.One;
                gradient = [.. gradient.Select(x => ratio * x)];
            }

            for (int i = 0; i < count; i++)
            {
                velocity[first + i] = (momentum * velocity[first + i]) + gradient[i];
                weights[first + i] -= rate * velocity[first + i];
            }
        }

        return new Arrays<T>(weights, start.Gradient, velocity);
    }

    private sealed record Arrays<T>(T[] Weights, T[] Gradient, T[] Velocity);
}

public sealed class OptimizerOnEmulator : OptimizerTests<OnEmulator>;

public sealed class OptimizerOnGpu : OptimizerTests<OnGpu>;
