using System.Text.Json;
using FeatureTransform.Native;
using FeatureTransform.Training.Options;
using FeatureTransform.Training.Pretraining;
using FeatureTransform.Training.Tests.Runs;
using Xunit;

namespace FeatureTransform.Training.Tests.Pretraining;

/// <summary>Whole steps of a run (moving average, encoders, FT, InfoNCE, SGD, queue), repeated from its dump by PyTorch in fp64.</summary>
public sealed class DumpedStepsTests
{
    public static TheoryData<string> Settings => [.. Named.Keys];

    private static readonly Dictionary<string, (TransformOptions Transform, int Groups)> Named = new()
    {
        ["both"] = (new TransformOptions(), 1),
        ["both-dim"] = (new TransformOptions { PositiveScope = LambdaScope.Element, NegativeScope = LambdaScope.Element }, 1),
        ["rows, extended queue, normalised, shuffle-BN"] = (new TransformOptions
        {
            PositiveScope = LambdaScope.Row,
            NegativeScope = LambdaScope.Row,
            Negative = NegativeTransform.Extend,
            PositiveNormalize = true,
            NegativeNormalize = true,
        }, 2),
        ["interpolated positives"] = (new TransformOptions { Positive = PositiveTransform.Interpolation, Negative = NegativeTransform.None }, 1),
    };

    [Theory]
    [MemberData(nameof(Settings))]
    public void Equal_PyTorch(string setting)
    {
        using var folder = new TemporaryFolder();
        (TransformOptions transform, int groups) = Named[setting];
        const int n = 32;
        var options = new PretrainOptions
        {
            Data = new DataOptions { TrainLimit = 2 * n },
            Model = new ModelOptions { EmbeddingSize = 24 },
            Method = new MethodOptions { QueueSize = 100, BatchNormGroups = groups },
            Transform = transform with { BeginEpoch = 0 },
            Optimizer = new OptimizerOptions { Epochs = 1, BatchSize = n, LearningRate = 0.005f, WarmupSteps = 0 },
            Run = new RunOptions { Precision = "fp32", KnnNeighbors = 0 },
        };
        string dump = Path.Combine(folder.Path, "dump.safetensors");
        var request = new PretrainRequest(options, Path.Combine(folder.Path, "run"), false) { DumpSteps = 2, DumpFile = dump, LinearProbe = false };
        _ = Pretrainer.Run(request, new SilentProgress(), CancellationToken.None);

        // Of each quantity: our error against fp64, and that of PyTorch in fp32.
        Dictionary<string, double[]> worst = JsonSerializer.Deserialize<Dictionary<string, double[]>>(PythonJudge.Run("moco_steps.py", dump))!;
        Assert.True(worst["loss.0"][0] <= 1e-5, $"loss of step 0: {worst["loss.0"][0]:E2}");
        foreach ((string what, double[] error) in worst)
        {
            // An activation within rounding of zero may fall on the other side of its ReLU; every gradient below it feels the flip.
            bool gradient = what.StartsWith("gradient", StringComparison.Ordinal) || what.StartsWith("shift", StringComparison.Ordinal);
            Assert.True(
                error[0] <= Math.Max(gradient ? 1e-2 : 1e-4, 3 * error[1]),
                $"{what}: relative error {error[0]:E2} in norm, PyTorch in fp32 has {error[1]:E2}");
        }
    }
}
