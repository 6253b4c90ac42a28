using System.Numerics;
using System.Runtime.InteropServices;
using FeatureTransform.Cuda;
using FeatureTransform.Native.Cuda;
using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>mix_positive against equations 3.1 and 3.2 in fp64.</summary>
public abstract class MixPositiveTests<TDevice> : KernelTests<TDevice>
    where TDevice : ITestDevice
{
    private const uint Step = 77;
    private const float Scale = 7.2134752f;

    private static FeatureTransformOptions[] AllSettings =>
    [
        .. from positive in Enum.GetValues<PositiveTransform>()
           from scope in Enum.GetValues<LambdaScope>()
           from normalize in new[] { false, true }
           select new FeatureTransformOptions
           {
               Seed = 0x123456789abcdef,
               Rank = 3,
               Positive = positive,
               PositiveScope = scope,
               PositiveNormalize = normalize,
               PositiveAlpha = scope == LambdaScope.Row ? 0.2f : 2, // with 32 rows of the table an octave, and 16
           },
    ];

    [Theory]
    [InlineData(1, 1, ElementType.Float32, 0)]
    [InlineData(5, 31, ElementType.Float32, 1)]
    [InlineData(33, 32, ElementType.BFloat16, 0)]
    [InlineData(4, 33, ElementType.BFloat16, 3)]
    [InlineData(31, 64, ElementType.Float32, 4)]
    [InlineData(9, 127, ElementType.BFloat16, 1)]
    [InlineData(257, 5, ElementType.Float32, 0)]
    [InlineData(3, 257, ElementType.Float32, 3)]
    [InlineData(2, 2048, ElementType.BFloat16, 0)]
    public void Unit_rows_mixed_rows_norms_and_scores_equal_the_oracle(int n, int c, ElementType features, int padding)
    {
        using KernelDevice device = TDevice.Open();
        (float[] q, float[] k) = Rows(n, c, features);
        foreach (FeatureTransformOptions options in AllSettings)
        {
            Check(options, q, k, n, c, Run(device, options, true, q, k, n, c, features, padding), options);
        }

        FeatureTransformOptions all = AllSettings[^1], none = all with { Positive = PositiveTransform.None };
        Check(none, q, k, n, c, Run(device, all, false, q, k, n, c, features, padding), "before the begin epoch");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Zero_rows_stay_zero_and_lengths_near_the_limits_of_fp32_do_no_harm(bool normalize)
    {
        const int n = 6, c = 20;
        var options = new FeatureTransformOptions { PositiveNormalize = normalize, PositiveScope = LambdaScope.Row };
        (float[] q, float[] k) = Rows(n, c, ElementType.Float32);
        Array.Clear(q, 0, c);
        Array.Clear(k, c, c);
        Array.Clear(q, 2 * c, c);
        Array.Clear(k, 2 * c, c);
        for (int i = 0; i < c; i++)
        {
            q[(3 * c) + i] = MathF.CopySign(3e38f, q[(3 * c) + i]);
            k[(4 * c) + i] *= 1e-30f; // below the least norm: not brought to length 1
            k[(5 * c) + i] *= 1e-9f;
        }

        using KernelDevice device = TDevice.Open();
        Pairs<float> actual = Run(device, options, true, q, k, n, c, ElementType.Float32, 0);
        Pairs<double> oracle = Mix<double>(options, q, k, n, c);
        Accuracy.Check("keys", 1e-7, oracle.Keys, actual.Keys);
        Accuracy.Check("q^", 4e-7, oracle.HatQ, actual.HatQ);
        Accuracy.Check("k^", 4e-7, oracle.HatK, actual.HatK);
        Accuracy.Check("p", 1e-6, oracle.Scores, actual.Scores);
        Assert.All(actual.Keys[c..(3 * c)], x => Assert.Equal(0, x));
        Assert.All(actual.HatQ[(2 * c)..(3 * c)], x => Assert.Equal(0, x));
        Assert.Equal([0, 0], [actual.Norms[0], actual.Norms[6]]);
    }

    [Theory]
    [InlineData(0.05f)]
    [InlineData(0.2f)]
    [InlineData(2f)]
    [InlineData(100f)]
    public void Draws_have_the_bits_of_the_CPU(float alpha)
    {
        // Of q = (1, 0) and k = (0, 1) is q^ = (lambda, 1 - lambda).
        const int n = 257;
        float[] q = [.. Enumerable.Range(0, 2 * n).Select(i => i % 2 == 0 ? 1f : 0)], k = [.. q.Select(x => 1 - x)];
        using KernelDevice device = TDevice.Open();
        foreach (FeatureTransformOptions setting in AllSettings)
        {
            if (setting.Positive == PositiveTransform.None || setting.PositiveNormalize)
            {
                continue;
            }

            FeatureTransformOptions options = setting with { PositiveAlpha = alpha };
            var quantile = new BetaQuantile(alpha);
            float shift = options.Positive == PositiveTransform.Extrapolation ? 1 : 0;
            float[] expected =
            [
                .. Enumerable.Range(0, n).SelectMany(i => PlainContrast<float>.Lambda(
                    quantile, options, RandomUse.PositiveLambda, options.PositiveScope, i, 2, Step)),
            ];
            for (int i = 0; i < expected.Length; i++)
            {
                expected[i] += shift;
                expected[i] = i % 2 == 0 ? expected[i] : 1 - expected[i];
            }

            Accuracy.SameBits($"q^, {options}", expected, Run(device, options, true, q, k, n, 2, ElementType.Float32, 0).HatQ);
        }
    }

    private protected override byte[] Outputs(KernelDevice device)
    {
        (float[] q, float[] k) = Rows(33, 65, ElementType.Float32);
        Pairs<float> all = Run(device, AllSettings[^1], true, q, k, 33, 65, ElementType.Float32, 0);
        return MemoryMarshal.AsBytes<float>([.. all.Keys, .. all.HatQ, .. all.HatK, .. all.Norms, .. all.Scores]).ToArray();
    }

    // Of very different lengths.
    private static (float[] Q, float[] K) Rows(int n, int c, ElementType type)
    {
        float[] q = Inputs.Uniform(n * c, 1, type), k = Inputs.Uniform(n * c, 2, type);
        for (int i = 0; i < q.Length; i++)
        {
            q[i] *= MathF.ScaleB(1, (i / c % 21) - 10);
        }

        return (q, k);
    }

    private static Pairs<float> Run(
        KernelDevice device, FeatureTransformOptions options, bool transform, float[] q, float[] k, int n, int c,
        ElementType features, int padding)
    {
        var quantile = new BetaQuantile(options.PositiveAlpha);
        DeviceArray<float> keys = device.Poisoned<float>(n * c);
        DeviceArray<float> hatQ = device.Poisoned<float>(n * c), hatK = device.Poisoned<float>(n * c);
        DeviceArray<float> norms = device.Poisoned<float>(3 * n), scores = device.Poisoned<float>(n);
        DeviceArray<ushort>? operand = options.PositiveScope == LambdaScope.Row ? null : device.Poisoned<ushort>(n * c);
        KernelVariant program = PositivesProgram.VariantOf(features, c, rows: 1, options.PositiveScope);
        new MixPositive(device.Kernels, program).Launch(device.Stream, new MixPositiveArgs
        {
            State = device.Upload<StepState>([new StepState { Step = Step, Transform = transform ? 1u : 0 }]).Address,
            QRaw = device.Upload(features, q, c, c + padding),
            KRaw = device.Upload(features, k, c, c + (2 * padding)),
            Table = device.Upload(quantile.Table).Address,
            QHat = hatQ.Address,
            KHat = hatK.Address,
            Keys = keys.Address,
            QOperand = operand?.Address ?? 0,
            Norms = norms.Address,
            Positive = scores.Address,
            Seed = options.Seed,
            QStride = (ulong)(c + padding),
            KStride = (ulong)(c + (2 * padding)),
            N = (uint)n,
            C = (uint)c,
            Rank = options.Rank,
            RowBits = (uint)quantile.RowBits,
            Transform = (uint)options.Positive,
            Scope = (uint)options.PositiveScope,
            Normalize = options.PositiveNormalize ? 1u : 0,
            OperandScale = Scale,
        });
        var pairs = new Pairs<float>(keys.Read(), hatQ.Read(), hatK.Read(), norms.Read(), scores.Read());
        if (operand is not null)
        {
            Accuracy.SameBits("the operand of the tensor cores", Bf16.Round(pairs.HatQ.Select(x => x * Scale)), operand.Read());
        }

        return pairs;
    }

    private static void Check(
        FeatureTransformOptions options, float[] q, float[] k, int n, int c, Pairs<float> actual, object what)
    {
        Pairs<double> oracle = Mix<double>(options, q, k, n, c);
        Pairs<float> plain = Mix<float>(options, q, k, n, c);
        string at = $" of {n} x {c}, {what}";
        Accuracy.Check("keys" + at, 2, 1e-7, oracle.Keys, plain.Keys, actual.Keys);
        Accuracy.Check("q^" + at, 2, 1e-7, oracle.HatQ, plain.HatQ, actual.HatQ);
        Accuracy.Check("k^" + at, 2, 1e-7, oracle.HatK, plain.HatK, actual.HatK);
        // The floor is half a unit in the last place of 5, the largest |p|.
        Accuracy.Check("p" + at, 2, 2.4e-7, oracle.Scores, plain.Scores, actual.Scores);

        // |q_raw| is summed in double and rounded once.
        float[] Relative(float[] norms) => [.. norms.Select((x, i) => i % 3 == 0 ? (float)(x / oracle.Norms[i]) : x)];
        double[] expected = [.. oracle.Norms.Select((x, i) => i % 3 == 0 ? 1 : x)];
        Accuracy.Check("norms" + at, 2, 1e-7, expected, Relative(plain.Norms), Relative(actual.Norms));
    }

    // The formulas, in order and in T.
    private static Pairs<T> Mix<T>(FeatureTransformOptions options, float[] q, float[] k, int n, int c)
        where T : IFloatingPointIeee754<T>
    {
        var quantile = new BetaQuantile(options.PositiveAlpha);
        List<T> keys = [], hatQ = [], hatK = [], norms = [], scores = [];
        for (int i = 0; i < n; i++)
        {
            T[] row = PlainContrast<T>.Row(q, i, c);
            T[] unit = PlainContrast<T>.Unit(row), key = PlainContrast<T>.Unit(PlainContrast<T>.Row(k, i, c));
            T[] lambda = PlainContrast<T>.Lambda(
                quantile, options, RandomUse.PositiveLambda, options.PositiveScope, i, c, Step);
            if (options.Positive == PositiveTransform.Extrapolation)
            {
                lambda = [.. lambda.Select(x => x + T.One)];
            }

            bool mixes = options.Positive != PositiveTransform.None, normalizes = mixes && options.PositiveNormalize;
            T[] a = mixes ? PlainContrast<T>.Mix(lambda, unit, key) : unit;
            T[] b = mixes ? PlainContrast<T>.Mix(lambda, key, unit) : key;
            norms.Add(PlainContrast<T>.Norm(row));
            norms.Add(normalizes ? PlainContrast<T>.Norm(a) : T.One);
            norms.Add(normalizes ? PlainContrast<T>.Norm(b) : T.One);
            (a, b) = normalizes ? (PlainContrast<T>.Unit(a), PlainContrast<T>.Unit(b)) : (a, b);
            keys.AddRange(key);
            hatQ.AddRange(a);
            hatK.AddRange(b);
            scores.Add(PlainContrast<T>.Dot(a, b));
        }

        return new Pairs<T>([.. keys], [.. hatQ], [.. hatK], [.. norms], [.. scores]);
    }

    private sealed record Pairs<T>(T[] Keys, T[] HatQ, T[] HatK, T[] Norms, T[] Scores);
}

public sealed class MixPositiveOnEmulator : MixPositiveTests<OnEmulator>;

public sealed class MixPositiveOnGpu : MixPositiveTests<OnGpu>;
