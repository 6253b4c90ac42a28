using FeatureTransform.Cuda;
using FeatureTransform.Native;
using FeatureTransform.Native.Cuda;

namespace FeatureTransform.Benchmarks.Static;

/// <summary>What the report covers, and the shared memory that launchers ask for.</summary>
internal static class KernelCatalog
{
    private const int Channels = 128, Kilobyte = 1024;

    // The largest table of Beta quantiles: 33 octaves of 32 rows of 4 floats.
    private const int BetaTableBytes = 33 * 32 * 16;

    // Views of ImageNet: 224 pixels, a blur of 11 taps to each side.
    private const int BlurRadius = 11;

    private static readonly FeatureTransformOptions Batch = new(),
        Row = Batch with { NegativeScope = LambdaScope.Row },
        Element = Batch with { NegativeScope = LambdaScope.Element };

    // With the most dynamic shared memory that the launcher asks for.
    private static readonly Dictionary<KernelVariant, int> Passes = CollectPasses();

    /// <summary>The variants that runs need, and passes for other devices and rarer settings.</summary>
    public static IReadOnlyList<KernelVariant> Variants { get; } = [.. KernelSet.Variants.Concat(Passes.Keys).Distinct()];

    /// <summary>Bytes of dynamic shared memory of a variant's kernel, the most that its launcher asks for.</summary>
    public static int DynamicShared(KernelVariant variant, string kernel) => variant.File switch
    {
        "mix_queue.cu" => BetaTableBytes,
        "augment.cu" when kernel.StartsWith("augment_blur", StringComparison.Ordinal) => Augment.BlurSharedBytes(BlurRadius),
        _ when Passes.TryGetValue(variant, out int bytes) => bytes,
        "infonce_bf16.cu" or "infonce_tf32.cu" or "infonce_fp32.cu" =>
            throw new InvalidOperationException($"The report has no plan for {variant}: {nameof(KernelCatalog)} lacks its case."),
        _ => 0,
    };

    /// <summary>Whether a tensor core pass is for devices with 99 KB of shared memory a block.</summary>
    public static bool IsForLittleShared(KernelVariant variant) =>
        OnEveryDevice(ModelDevice.Rtx4090).Any(plan => plan.Variant == variant);

    /// <summary>How a device would run the pass for a bf16 queue in batch scope, by default.</summary>
    public static InfoNcePlan Plan(ModelDevice device, int n) =>
        Plan(device, n, ElementType.BFloat16, CudaPrecision.BFloat16, Batch);

    // What training runs need on each device, and of the rarer settings one each.
    private static Dictionary<KernelVariant, int> CollectPasses()
    {
        FeatureTransformOptions cold = Batch with { Tau = 0.01f }, extend = Batch with { Negative = NegativeTransform.Extend },
            normalized = Batch with { NegativeNormalize = true };
        return ModelDevice.All.SelectMany(OnEveryDevice)
            .Append(Plan(ModelDevice.A100, 256, ElementType.BFloat16, CudaPrecision.BFloat16, cold))
            .Append(Plan(ModelDevice.A100, 256, ElementType.BFloat16, CudaPrecision.BFloat16, extend))
            .Append(Plan(ModelDevice.A100, 256, ElementType.BFloat16, CudaPrecision.BFloat16, Batch, k: PassModel.Keys + 1))
            .Append(Plan(ModelDevice.A100, 256, ElementType.BFloat16, CudaPrecision.BFloat16, Batch, c: 256))
            .Append(Plan(ModelDevice.A100, 256, ElementType.Float32, CudaPrecision.TensorFloat32, normalized))
            .Append(Plan(ModelDevice.A100, 256, ElementType.Float32, CudaPrecision.Float32, Batch, c: CudaStepShape.MaxC))
            .DistinctBy(plan => plan.Variant).ToDictionary(plan => plan.Variant, plan => plan.DynamicSharedBytes);
    }

    // Every scope, queue type and precision, few and many queries.
    private static IEnumerable<InfoNcePlan> OnEveryDevice(ModelDevice device)
    {
        foreach (ElementType queue in new[] { ElementType.BFloat16, ElementType.Float32 })
        {
            foreach (int n in new[] { 128, 256, 1024, 4096 })
            {
                yield return Plan(device, n, queue, CudaPrecision.BFloat16, Batch);
            }

            yield return Plan(device, 4096, queue, CudaPrecision.Float32, Batch);
            foreach (FeatureTransformOptions options in new[] { Batch, Row, Element })
            {
                yield return Plan(device, 256, queue, CudaPrecision.BFloat16, options);
                yield return Plan(device, 256, queue, CudaPrecision.Float32, options);
            }
        }

        yield return Plan(device, 256, ElementType.Float32, CudaPrecision.TensorFloat32, Batch);
    }

    private static InfoNcePlan Plan(
        ModelDevice device, int n, ElementType queue, CudaPrecision precision, FeatureTransformOptions options,
        int k = PassModel.Keys, int c = Channels) =>
        InfoNcePlan.Choose(
            new CudaStepShape(n, c, k) { Queue = queue, Precision = precision }, options, device.Multiprocessors,
            device.SharedKilobytes * Kilobyte);
}
