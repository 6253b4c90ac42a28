using FeatureTransform.Cuda;
using FeatureTransform.Native.Cuda;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>
/// A small case of each kernel out of its tests, by name, to be run on a kind of device: it compares with the oracle of the
/// test and throws where that does.
/// </summary>
internal static class KernelCases<TDevice>
    where TDevice : ITestDevice
{
    public static IReadOnlyDictionary<string, Action> All { get; } = new Dictionary<string, Action>
    {
        ["bias_relu"] = () => new BiasReluCase<TDevice>().The_masked_gradient_and_that_of_the_bias_equal_the_oracle(31, 127, ElementType.Float32),
        ["cast"] = () => new CastCase<TDevice>().Both_ways_equal_the_definition(257, 32, 31, 2),
        ["ema"] = () => new EmaCase<TDevice>().The_average_has_the_bits_of_plain_code(1028, true, 0.6f),
        ["enqueue"] = () => new EnqueueCase<TDevice>().A_ring_of_many_steps_has_the_bits_of_the_CPU(31, 100, 64, ElementType.BFloat16),
        ["knn"] = () => new KnnCase<TDevice>().Neighbours_order_and_votes_equal_those_of_the_CPU_and_the_oracle(65, 200, 17, 20, 3, 10, true),
        ["knn, many neighbours"] = () =>
            new KnnCase<TDevice>().Neighbours_order_and_votes_equal_those_of_the_CPU_and_the_oracle(2, 400, 3, 257, 2, 5, true),
        ["knn, full lists"] = () => new KnnCase<TDevice>().Lists_that_overflow_again_and_again_keep_the_best(),
        ["lars"] = () => new OptimizerCase<TDevice>().Lars_equals_the_oracle(true, 0f),
        ["mix_positive"] = () =>
            new MixPositiveCase<TDevice>().Unit_rows_mixed_rows_norms_and_scores_equal_the_oracle(9, 127, ElementType.Float32, 1),
        ["mix_queue"] = () =>
            new MixQueueCase<TDevice>().The_mixed_queue_equals_the_oracle(130, 33, ElementType.Float32, ElementType.Float32),
        ["scatter_rows"] = () => new ScatterRowsCase<TDevice>().Rows_are_in_the_places_that_the_order_gives(130, 4, 2),
        ["sgd"] = () => new OptimizerCase<TDevice>().Sgd_has_the_bits_of_plain_code(true, null),
        ["softmax_cross_entropy"] = () => new SoftmaxCrossEntropyCase<TDevice>().Losses_and_gradient_equal_the_oracle(7, 129, 129, 30f),
        ["softmax_cross_entropy, few classes"] = () =>
            new SoftmaxCrossEntropyCase<TDevice>().Losses_and_gradient_equal_the_oracle(5, 10, 12, 3f),

        // Pass and finish of a step; several tiles of keys a block where the device has few multiprocessors.
        ["infonce_fp32"] = () => new StepCase<TDevice>().Odd_sizes_and_extreme_temperatures_equal_the_oracle(130, 130, 17, 0.1f),
        ["infonce_fp32, wide rows"] = () => new StepCase<TDevice>().Odd_sizes_and_extreme_temperatures_equal_the_oracle(5, 65, 300, 10f),
        ["infonce_fp32, cold"] = () => new StepCase<TDevice>().Scores_far_above_the_positive_are_scaled_down(CudaPrecision.Float32, 0.002f),
        ["infonce_bf16, row"] = () => Tensor(CudaPrecision.BFloat16, LambdaScope.Row, ElementType.Float32, 40, 610),
        ["infonce_bf16, batch"] = () => Tensor(CudaPrecision.BFloat16, LambdaScope.Batch, ElementType.BFloat16, 40, 97),
        ["infonce_bf16, element"] = () => Tensor(CudaPrecision.BFloat16, LambdaScope.Element, ElementType.BFloat16, 17, 129),
        ["infonce_bf16, mixed before"] = () => Tensor(CudaPrecision.BFloat16, null, ElementType.BFloat16, 40, 301),
        ["infonce_bf16, cold"] = () => new StepCase<TDevice>().Scores_far_above_the_positive_are_scaled_down(CudaPrecision.BFloat16, 0.01f),
        ["infonce_tf32"] = () => Tensor(CudaPrecision.TensorFloat32, LambdaScope.Row, ElementType.BFloat16, 19, 97),
    };

    // scope: null where nothing is mixed.
    private static void Tensor(CudaPrecision precision, LambdaScope? scope, ElementType queue, int n, int k) =>
        new StepCase<TDevice>().Errors_are_at_most_two_and_three_times_those_of_plain_code_with_the_same_operands(
            precision, scope is null ? NegativeTransform.None : NegativeTransform.Replace, scope ?? LambdaScope.Batch, queue, 0.2f, n, k, 16);
}

// Not public: the runner must not take these for test classes of their own.
file sealed class BiasReluCase<TDevice> : BiasReluTests<TDevice>
    where TDevice : ITestDevice;

file sealed class CastCase<TDevice> : CastTests<TDevice>
    where TDevice : ITestDevice;

file sealed class EmaCase<TDevice> : EmaTests<TDevice>
    where TDevice : ITestDevice;

file sealed class EnqueueCase<TDevice> : EnqueueTests<TDevice>
    where TDevice : ITestDevice;

file sealed class KnnCase<TDevice> : KnnTests<TDevice>
    where TDevice : ITestDevice;

file sealed class MixPositiveCase<TDevice> : MixPositiveTests<TDevice>
    where TDevice : ITestDevice;

file sealed class MixQueueCase<TDevice> : MixQueueTests<TDevice>
    where TDevice : ITestDevice;

file sealed class OptimizerCase<TDevice> : OptimizerTests<TDevice>
    where TDevice : ITestDevice;

file sealed class ScatterRowsCase<TDevice> : ScatterRowsTests<TDevice>
    where TDevice : ITestDevice;

file sealed class SoftmaxCrossEntropyCase<TDevice> : SoftmaxCrossEntropyTests<TDevice>
    where TDevice : ITestDevice;

file sealed class StepCase<TDevice> : CudaContrastiveStepTests
    where TDevice : ITestDevice
{
    private protected override TestDevice Open() => new(TDevice.Open());
}
