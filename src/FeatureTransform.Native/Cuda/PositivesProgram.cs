using FeatureTransform.Cuda;

namespace FeatureTransform.Native.Cuda;

/// <summary>kernels/positives.cu: the kernels of <see cref="MixPositive"/> and <see cref="InfoNceFinish"/>, compiled together.</summary>
internal static class PositivesProgram
{
    /// <summary>The program of a step.</summary>
    public static KernelVariant VariantOf(CudaStepShape shape, InfoNcePlan plan, LambdaScope scope) =>
        VariantOf(shape.Features, shape.C, InfoNceFinish.RowsOfBlock(shape, plan), scope);

    /// <param name="input">How q_raw and k_raw are stored.</param>
    /// <param name="c">C.</param>
    /// <param name="rows">Rows of a block of infonce_finish: 1 or <see cref="InfoNceFinish.RowsOfWarps"/>.</param>
    /// <param name="scope">What shares a lambda of the positives.</param>
    public static KernelVariant VariantOf(ElementType input, int c, int rows, LambdaScope scope) => new(
        "positives.cu", Launches.Flag("FT_FEATURES_BF16", input), $"FT_PASSES={InfoNceFinish.Passes(c, rows)}", $"FT_ROWS={rows}",
        Launches.PositiveElements(scope));
}
