using FeatureTransform.Cuda;
using FeatureTransform.Cuda.Emulator;
using FeatureTransform.Training.Devices;
using Xunit;

namespace FeatureTransform.Training.Tests.Devices;

public sealed class KernelSurveyTests
{
    [Fact]
    public void Counters_are_what_the_formulas_of_the_kernels_need()
    {
        IReadOnlyDictionary<string, KernelCounters> kernels = KernelSurvey.Run();
        Assert.Equal(Nvrtc.TryLoad(out _, out _) ? 26 : 25, kernels.Count);
        Assert.All(kernels.Values, kernel => Assert.True(kernel.Instructions > 0 && kernel.GlobalSectors > 0));

        // m t + (1 - m) s of 65536 elements, four a lane and request: two loads and a store.
        KernelCounters ema = kernels["ema"];
        Assert.Equal(3 * 65536, ema.SingleFlops);
        Assert.Equal((3 * 65536 / 128, 3 * 65536 / 8), (ema.GlobalRequests, ema.GlobalSectors));

        // Scores and gradient of a tile of 128 rows, of which 64 exist, against 1024 keys of 128 channels.
        Assert.Equal(2 * 2 * 128 * 1024 * 128, kernels["infonce_bf16"].MatrixFlops);
        Assert.Equal(kernels["infonce_bf16"].MatrixFlops / (2 * 16 * 8 * 16), kernels["infonce_bf16"].MatrixInstructions);
        Assert.Equal(0, kernels["infonce_bf16"].BankConflicts);
        Assert.Equal(0, kernels["infonce_fp32"].MatrixFlops);
    }
}
