using FeatureTransform.Native;
using FeatureTransform.Training.Options;
using FeatureTransform.Training.Runs;
using Xunit;

namespace FeatureTransform.Training.Tests.Runs;

public sealed class RunConfigTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Options_come_back_as_they_were()
    {
        var options = new PretrainOptions
        {
            Data = new DataOptions { Source = "/a b/\"ü\"", ClassList = null },
            Method = new MethodOptions { Tau = 0.07f },
            Transform = new TransformOptions { Positive = PositiveTransform.Interpolation, NegativeScope = LambdaScope.Element },
            Run = new RunOptions { Seed = ulong.MaxValue },
        };
        RunConfig.Write(folder["c.json"], options);
        Assert.Equal(options, RunConfig.Read(folder["c.json"]));
        Assert.Equal([folder["c.json"]], Directory.GetFiles(folder.Path));
        string text = File.ReadAllText(folder["c.json"]);
        Assert.Contains("\"tau\": 0.07,", text, StringComparison.Ordinal);
        Assert.Contains("\"positive\": \"interpolation\"", text, StringComparison.Ordinal);
        Assert.Contains("\"seed\": 18446744073709551615", text, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_file_does_not_name_has_its_default()
    {
        PretrainOptions options = RunConfig.Parse("""{"optimizer":{"batchSize":7}}""", "c");
        Assert.Equal(new PretrainOptions { Optimizer = new OptimizerOptions { BatchSize = 7 } }, options);
    }

    [Theory]
    [InlineData("""{"optimizer":{"batchsize":7}}""", "unknown key 'optimizer.batchsize'. Did you mean 'batchSize'?")]
    [InlineData("""{"optimiser":{}}""", "unknown key 'optimiser'. Did you mean 'optimizer'?")]
    [InlineData("""{"model":{"xyzzyplugh":1}}""", "unknown key 'model.xyzzyplugh'. Known keys here:")]
    [InlineData("""{"optimizer":{"batchSize":"7"}}""", "'optimizer.batchSize' is \"7\": expected a whole number within its range.")]
    [InlineData("""{"optimizer":{"batchSize":7.5}}""", "'optimizer.batchSize' is 7.5: expected a whole number within its range.")]
    [InlineData("""{"optimizer":{"batchSize":99999999999}}""", "'optimizer.batchSize' is 99999999999: expected a whole number")]
    [InlineData("""{"run":{"seed":-1}}""", "'run.seed' is -1: expected a whole number")]
    [InlineData("""{"method":{"tau":"warm"}}""", "'method.tau' is \"warm\": expected a number.")]
    [InlineData("""{"method":{"tau":null}}""", "'method.tau' is null: expected a number.")]
    [InlineData("""{"data":{"source":null}}""", "'data.source' is null: expected a text in quotes.")]
    [InlineData("""{"transform":{"positiveNormalize":1}}""", "'transform.positiveNormalize' is 1: expected true or false.")]
    [InlineData("""{"transform":{"positive":"up"}}""", "'transform.positive' is \"up\": expected one of none, extrapolation, interpolation.")]
    [InlineData("""{"transform":{"positive":1}}""", "'transform.positive' is 1: expected one of")]
    [InlineData("""{"transform":[1]}""", "'transform' must be an object in braces, not array.")]
    [InlineData("""{"transform":null}""", "'transform' must be an object in braces, not null.")]
    [InlineData("3", "the file must be an object")]
    [InlineData("""{"run":{"seed":1,"seed":2}}""", "no valid JSON")]
    [InlineData("""{"run":""", "no valid JSON")]
    [InlineData("", "no valid JSON")]
    public void A_bad_config_is_refused_in_one_line_that_names_key_and_expectation(string json, string expected)
    {
        File.WriteAllText(folder["c.json"], json);
        string message = Assert.Throws<InvalidInputException>(() => RunConfig.Read(folder["c.json"])).Message;
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.StartsWith($"'{folder["c.json"]}'", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void A_config_that_is_not_there_is_named() => Assert.Contains(
        $"Cannot read '{folder["x"]}': no such file",
        Assert.Throws<InvalidInputException>(() => RunConfig.Read(folder["x"])).Message, StringComparison.Ordinal);

    [Fact]
    public void Contradictions_are_named_and_what_changes_no_number_is_free()
    {
        var before = new PretrainOptions { Optimizer = new OptimizerOptions { BatchSize = 128, Epochs = 14 } };
        PretrainOptions free = before with
        {
            Run = before.Run with { Device = "cpu", Threads = 3, KeepCheckpoints = 9, KeepEveryEpochs = 4, CheckpointEverySteps = 5 },
        };
        Assert.Empty(RunConfig.Contradictions(before, free));
        RunConfig.RequireSame(before, free);
        PretrainOptions other = before with
        {
            Optimizer = before.Optimizer with { BatchSize = 256, Epochs = 20 },
            Data = before.Data with { ClassList = "c.txt" },
            Transform = before.Transform with { Negative = NegativeTransform.Extend },
            Run = before.Run with { Seed = 2 },
        };
        Assert.Equal(
            [
                "data.classList: checkpoint none, given c.txt", "transform.negative: checkpoint replace, given extend",
                "optimizer.epochs: checkpoint 14, given 20", "optimizer.batchSize: checkpoint 128, given 256",
                "run.seed: checkpoint 1, given 2",
            ],
            RunConfig.Contradictions(before, other));
        string message = Assert.Throws<InvalidInputException>(() => RunConfig.RequireSame(before, other)).Message;
        Assert.Contains("optimizer.batchSize: checkpoint 128, given 256", message, StringComparison.Ordinal);
    }
}
