using FeatureTransform.Training.Options;
using FeatureTransform.Training.Pretraining;
using Xunit;

namespace FeatureTransform.Training.Tests.Pretraining;

public sealed class LearningRateScheduleTests
{
    [Fact]
    public void Cosine_rises_linearly_then_falls_to_zero()
    {
        var schedule = new LearningRateSchedule(new OptimizerOptions { Epochs = 10, LearningRate = 0.8f, WarmupSteps = 4 }, stepsPerEpoch: 20);
        Assert.Equal(0.2f, schedule.At(0));
        Assert.Equal(0.8f, schedule.At(3));
        Assert.Equal(0.4f, schedule.At(100), 1e-6f);   // half way: cos(pi / 2) = 0
        Assert.Equal(0.8f * 0.5f * (1 - MathF.Sqrt(0.5f)), schedule.At(150), 1e-6f);
        Assert.True(schedule.At(199) is > 0 and < 1e-4f);
    }

    [Theory]
    [InlineData(59, 1.0f)]
    [InlineData(60, 0.1f)]
    [InlineData(79, 0.1f)]
    [InlineData(80, 0.01f)]
    [InlineData(99, 0.01f)]
    public void Step_drops_at_60_and_80_percent_of_the_epochs(int epoch, float share)
    {
        var options = new OptimizerOptions { Epochs = 100, LearningRate = 0.03f, WarmupSteps = 0, Schedule = "step" };
        var schedule = new LearningRateSchedule(options, stepsPerEpoch: 7);
        Assert.Equal(0.03f * share, schedule.At((epoch * 7) + 6), 1e-8f);
        Assert.Equal(0.03f * share, schedule.At(epoch * 7), 1e-8f);
    }
}
