using FeatureTransform.Cuda;
using FeatureTransform.Native;
using FeatureTransform.Training.Data;
using FeatureTransform.Training.Devices.Cpu;
using FeatureTransform.Training.Methods;
using FeatureTransform.Training.Options;
using FeatureTransform.Training.Tests.Devices.Cuda;
using Xunit;

namespace FeatureTransform.Training.Tests.Methods;

/// <summary>Steps that are recorded and replayed as a CUDA graph, of images whose views the device makes.</summary>
public sealed class CudaGraphTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Replayed_steps_give_the_bits_of_direct_ones(int groups)
    {
        PretrainOptions options = TinyMoCo.Options(groups);
        using var direct = new EmulatedCuda(CudaPrecision.Float32, separate: false);
        using var replayed = new EmulatedCuda(CudaPrecision.Float32, separate: false, cudaGraph: true);
        using var expected = new MoCo(direct.Device, options);
        using var given = new MoCo(replayed.Device, options);
        ImageBatch[] own = [(ImageBatch)given.CreateBatch(), (ImageBatch)given.CreateBatch()]; // in page-locked memory
        var rows = (Expected: new RowStatistics(TinyMoCo.N), Given: new RowStatistics(TinyMoCo.N));
        for (uint step = 0; step < 6; step++)
        {
            // The transformation begins in the third step, the learning rate changes, images become larger with the fourth, and in the last step
            // the plain statistics are asked for; an evaluation comes between.
            (bool transform, float rate) = (step >= 2, 0.001f * (step + 1));
            expected.Step(TinyMoCo.Images(options, step), step, transform, rate, step == 5 ? rows.Expected : null);
            given.Step(TinyMoCo.Fill(own[step % 2], options, step), step, transform, rate, step == 5 ? rows.Given : null);
            Assert.Equal(expected.Read(), given.Read());
            Assert.Equal(expected.Statistics.Loss, given.Statistics.Loss);
            if (step == 3)
            {
                Assert.Equal(Features(expected), Features(given));
            }
        }

        Assert.Equal(rows.Expected.Loss, rows.Given.Loss);
        Assert.Equal(expected.ReadQueue().Float32.ToArray(), given.ReadQueue().Float32.ToArray());
        Assert.Equal(CudaTrainingOnEmulator.Values(expected.Query.Store), CudaTrainingOnEmulator.Values(given.Query.Store));
        Assert.Equal(CudaTrainingOnEmulator.Values(expected.Key.Store), CudaTrainingOnEmulator.Values(given.Key.Store));
        Assert.Empty(replayed.Reports);
        Assert.Equal(0, replayed.Device.Arena.Used);

        // The first is direct, and the fourth, which moves memory, and the last.
        Assert.Equal(3, replayed.Emulator.Calls["cuGraphLaunch"]);
    }

    [Fact]
    public void Views_and_losses_of_images_are_those_of_the_CPU()
    {
        PretrainOptions options = TinyMoCo.Options(groups: 2);
        using var cpu = new CpuDevice(ElementType.Float32, 2);
        using var cuda = new EmulatedCuda(CudaPrecision.Float32);
        using var expected = new MoCo(cpu, options);
        using var given = new MoCo(cuda.Device, options);
        for (uint step = 0; step < 3; step++)
        {
            float loss = expected.StepAndRead(TinyMoCo.Views(options, step), step, transform: true, learningRate: 0.001f);
            float cudaLoss = given.StepAndRead(TinyMoCo.Images(options, step), step, transform: true, learningRate: 0.001f);
            Assert.True(Math.Abs(loss - cudaLoss) <= 1e-4f, $"step {step}: {cudaLoss:G9}, the CPU has {loss:G9}");
        }
    }

    [Fact]
    public void A_step_that_cannot_be_recorded_goes_on_without_a_graph()
    {
        PretrainOptions options = TinyMoCo.Options(groups: 1);
        using var cuda = new EmulatedCuda(CudaPrecision.Float32, separate: false, cudaGraph: true);
        using var moco = new MoCo(cuda.Device, options);
        float first = moco.StepAndRead(TinyMoCo.Views(options, 0), 0, transform: true, learningRate: 0);
        cuda.Emulator.FailCall("cuGraphInstantiateWithFlags", (int)CUresult.CUDA_ERROR_NOT_SUPPORTED, 1);
        for (uint step = 1; step < 3; step++)
        {
            Assert.True(float.IsFinite(moco.StepAndRead(TinyMoCo.Views(options, step), step, transform: true, learningRate: 0)));
        }

        Assert.True(float.IsFinite(first));
        Assert.Contains("without a CUDA graph", Assert.Single(cuda.Reports), StringComparison.Ordinal);
        Assert.Equal(0, cuda.Device.Arena.Used);
    }

    private static float[] Features(MoCo moco)
    {
        var features = new float[TinyMoCo.N * moco.Query.FeatureSize];
        moco.Query.Features(TinyMoCo.View(9, 1), TinyMoCo.N, TinyMoCo.Size, features);
        return features;
    }
}
