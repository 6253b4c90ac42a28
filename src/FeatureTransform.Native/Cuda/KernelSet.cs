using FeatureTransform.Cuda;

namespace FeatureTransform.Native.Cuda;

/// <summary>
/// The kernels of this assembly. What is listed here has PTX checked in under kernels/ptx, for machines without NVRTC; other
/// variants need NVRTC. After a change of a kernel or of this table, the PTX is written anew by
/// <c>dotnet run -c Release --project benchmarks -- ptx</c>.
/// </summary>
internal static class KernelSet
{
    private static readonly ElementType[] Types = [ElementType.Float32, ElementType.BFloat16];

    /// <summary>The variants that runs need, by source file.</summary>
    public static IReadOnlyList<KernelVariant> Variants { get; } =
    [
        .. Types.SelectMany(type => new[] { LambdaScope.Batch, LambdaScope.Element }.SelectMany(scope => OfPositives(type, scope))),
        .. Types.SelectMany(type => Types.Select(mixed => MixQueue.VariantOf(type, mixed))),
        .. Passes().Distinct(), .. Types.Select(Enqueue.VariantOf),
        .. Types.Select(TrainingStepProgram.VariantOf), Lars.Variant, SoftmaxCrossEntropy.Variant,
        Knn.Variant, Knn.VoteVariant, .. Types.Select(Augment.VariantOf),
        NormInference.Variant, ScatterRows.Variant,
    ];

    /// <summary>The sources in this assembly, or in the folder that FEATURETRANSFORM_KERNELS names.</summary>
    public static KernelSources LoadSources() => KernelSources.FromAssembly(typeof(KernelSet).Assembly);

    // What comes before and behind the pass: rows that a warp or a block takes, any C.
    private static IEnumerable<KernelVariant> OfPositives(ElementType type, LambdaScope scope) =>
    [
        .. new[] { 1, CudaStepShape.MaxC }.Select(c => PositivesProgram.VariantOf(type, c, rows: 1, scope)),
        PositivesProgram.VariantOf(type, c: 1, InfoNceFinish.RowsOfWarps, scope),
    ];

    // The passes of the published settings at C = 128: lambda for the batch, for rows and for elements, on devices with much and with
    // little shared memory, for small batches and, mixed beforehand, for large ones; and plain fp32 for any C up to 128.
    private static IEnumerable<KernelVariant> Passes()
    {
        const int c = 128, k = 65536, multiprocessors = 108, much = 163 << 10, little = 99 << 10;
        var batch = new FeatureTransformOptions();
        foreach (ElementType queue in Types)
        {
            CudaStepShape shape = new(256, c, k) { Queue = queue };
            foreach (LambdaScope scope in Enum.GetValues<LambdaScope>())
            {
                FeatureTransformOptions options = batch with { NegativeScope = scope };
                yield return InfoNcePlan.Choose(shape, options, multiprocessors, much).Variant;
                yield return InfoNcePlan.Choose(shape with { Precision = CudaPrecision.Float32 }, options, multiprocessors, much).Variant;
            }

            yield return InfoNcePlan.Choose(shape, batch, multiprocessors, little).Variant;
            yield return InfoNcePlan.Choose(shape with { MaxN = 128 }, batch, multiprocessors, much).Variant;
            CudaStepShape large = shape with { MaxN = 4096 };
            yield return InfoNcePlan.Choose(large, batch, multiprocessors, much).Variant;
            yield return InfoNcePlan.Choose(large, batch, multiprocessors, little).Variant;
            yield return InfoNcePlan.Choose(large with { Precision = CudaPrecision.Float32 }, batch, multiprocessors, much).Variant;
        }
    }
}
