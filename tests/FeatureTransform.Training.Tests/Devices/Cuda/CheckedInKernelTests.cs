using FeatureTransform.Cuda;
using FeatureTransform.Native;
using FeatureTransform.Native.Cuda;
using FeatureTransform.Training.Devices.Cuda;
using FeatureTransform.Training.Options;
using Xunit;

namespace FeatureTransform.Training.Tests.Devices.Cuda;

/// <summary>Where there is no NVRTC, runs with the transformation of the paper find their kernels among the checked-in PTX.</summary>
public sealed class CheckedInKernelTests
{
    /// <summary>Multiprocessors, and KiB of shared memory that a block may have: A100, H100, RTX 4090, A10.</summary>
    public static TheoryData<int, int> Devices => new() { { 108, 163 }, { 132, 227 }, { 128, 99 }, { 72, 99 } };

    [Theory]
    [MemberData(nameof(Devices))]
    public void The_contrastive_pass_is_there(int multiprocessors, int sharedKilobytes)
    {
        var missing = new SortedSet<string>(StringComparer.Ordinal);
        foreach (int n in new[] { 64, 128, 256, 512, 1024 })
        {
            foreach (string setting in new[] { "neg", "both" })
            {
                foreach (int k in new[] { 4096, 16384, 65536 })
                {
                    Add(n, k, setting, ElementType.Float32);
                    Add(n, k, setting, ElementType.BFloat16);
                }
            }
        }

        Assert.True(missing.Count == 0, string.Join("\n", missing));

        void Add(int n, int k, string setting, ElementType queue)
        {
            var options = new PretrainOptions();
            options = options with { Transform = options.Transform.WithTransform(setting) };
            foreach (CudaPrecision precision in new[] { CudaPrecision.BFloat16, CudaPrecision.Float32 })
            {
                ElementType features = precision == CudaPrecision.BFloat16 ? ElementType.BFloat16 : ElementType.Float32;
                CudaStepShape shape = CudaContrast.ShapeOf(n, 128, k, queue, features, precision);
                var plan = new StepPlan(options.FeatureTransform(), shape, multiprocessors, sharedKilobytes << 10);
                foreach (KernelVariant variant in plan.Variants.Where(variant => !KernelSet.Variants.Contains(variant)))
                {
                    missing.Add($"{variant} of --ft {setting} --batch {n}, queue of {k} in {queue}, {precision}");
                }
            }
        }
    }
}
