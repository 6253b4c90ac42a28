using System.Numerics;
using System.Runtime.InteropServices;
using FeatureTransform.Native.Cuda;
using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>mix_queue against equation 3.3 in fp64.</summary>
public abstract class MixQueueTests<TDevice> : KernelTests<TDevice>
    where TDevice : ITestDevice
{
    private const uint Step = 12;

    private static FeatureTransformOptions[] AllSettings =>
    [
        .. from scope in Enum.GetValues<LambdaScope>()
           from normalize in new[] { false, true }
           select new FeatureTransformOptions
           {
               Seed = 0xfedcba987654321,
               Rank = 2,
               Negative = NegativeTransform.Replace,
               NegativeScope = scope,
               NegativeNormalize = normalize,
               NegativeAlpha = normalize ? 0.2f : 1.6f, // with 32 rows of the table an octave, and 16
           },
    ];

    [Theory]
    [InlineData(1, 1, ElementType.Float32, ElementType.Float32)]
    [InlineData(2, 3, ElementType.Float32, ElementType.BFloat16)]
    [InlineData(33, 31, ElementType.BFloat16, ElementType.Float32)]
    [InlineData(257, 17, ElementType.BFloat16, ElementType.BFloat16)]
    [InlineData(255, 4, ElementType.Float32, ElementType.Float32)]
    [InlineData(129, 64, ElementType.Float32, ElementType.BFloat16)]
    [InlineData(130, 33, ElementType.Float32, ElementType.Float32)]
    [InlineData(31, 257, ElementType.BFloat16, ElementType.Float32)]
    public void The_mixed_queue_equals_the_oracle(int k, int c, ElementType queue, ElementType mixed)
    {
        using KernelDevice device = TDevice.Open();
        float[] rows = Rows(k, c, queue);
        foreach (FeatureTransformOptions options in AllSettings)
        {
            double[] oracle = Mix<double>(options, rows, k, c);
            float[] plain = Mix<float>(options, rows, k, c);
            plain = mixed == ElementType.Float32 ? plain : Bf16.Widen(Bf16.Round(plain));
            Accuracy.Check(
                $"z^, {k} x {c} {queue} to {mixed}, {options}", 2, 1e-7, oracle, plain,
                Run(device, options, true, rows, k, c, queue, mixed));
        }

        float[] same = Run(device, AllSettings[^1], false, rows, k, c, queue, mixed);
        Accuracy.SameBits("before the begin epoch", mixed == ElementType.Float32 ? rows : Bf16.Widen(Bf16.Round(rows)), same);
    }

    private protected override byte[] Outputs(KernelDevice device) => MemoryMarshal.AsBytes<float>(Run(
        device, AllSettings[^1], true, Rows(300, 33, ElementType.Float32), 300, 33, ElementType.Float32, ElementType.Float32)).ToArray();

    private static float[] Rows(int k, int c, ElementType type)
    {
        float[] uniform = Inputs.Uniform(k * c, 3);
        float[] rows = [.. Enumerable.Range(0, k).SelectMany(j => PlainContrast<float>.Unit(PlainContrast<float>.Row(uniform, j, c)))];
        return type == ElementType.Float32 ? rows : Bf16.Widen(Bf16.Round(rows));
    }

    private static float[] Run(
        KernelDevice device, FeatureTransformOptions options, bool transform, float[] rows, int k, int c, ElementType queue, ElementType mixed)
    {
        var quantile = new BetaQuantile(options.NegativeAlpha);
        DeviceArray<float>? single = mixed == ElementType.Float32 ? device.Poisoned<float>(k * c) : null;
        DeviceArray<ushort>? half = single is null ? device.Poisoned<ushort>(k * c) : null;
        new MixQueue(device.Kernels, queue, mixed).Launch(device.Stream, new MixQueueArgs
        {
            State = device.Upload<StepState>([new StepState { Step = Step, Transform = transform ? 1u : 0 }]).Address,
            Queue = device.Upload(queue, rows),
            Table = device.Upload(quantile.Table).Address,
            Mixed = single?.Address ?? half!.Address,
            Seed = options.Seed,
            K = (uint)k,
            C = (uint)c,
            Rank = options.Rank,
            RowBits = (uint)quantile.RowBits,
            Scope = (uint)options.NegativeScope,
            Normalize = options.NegativeNormalize ? 1u : 0,
        });
        return single?.Read() ?? Bf16.Widen(half!.Read());
    }

    private static T[] Mix<T>(FeatureTransformOptions options, float[] rows, int k, int c)
        where T : IFloatingPointIeee754<T>
    {
        var quantile = new BetaQuantile(options.NegativeAlpha);
        Permutation permutation = Permutation.Of(options.Seed, Step, options.Rank, k);
        return [.. Enumerable.Range(0, k).SelectMany(j =>
        {
            T[] lambda = PlainContrast<T>.Lambda(quantile, options, RandomUse.NegativeLambda, options.NegativeScope, j, c, Step);
            T[] mixed = PlainContrast<T>.Mix(lambda, PlainContrast<T>.Row(rows, j, c), PlainContrast<T>.Row(rows, permutation[j], c));
            return options.NegativeNormalize ? PlainContrast<T>.Unit(mixed) : mixed;
        })];
    }
}

public sealed class MixQueueOnEmulator : MixQueueTests<OnEmulator>;

public sealed class MixQueueOnGpu : MixQueueTests<OnGpu>;
