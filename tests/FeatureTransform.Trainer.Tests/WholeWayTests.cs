using System.Globalization;
using System.Text.Json;
using Xunit;

namespace FeatureTransform.Trainer.Tests;

/// <summary>From pretraining to what is done with a run, by the real command line.</summary>
public sealed class WholeWayTests
{
    [Fact]
    public void A_run_is_scored_and_exported_and_its_configuration_repeats_it()
    {
        using var run = new TinyRun();
        Finish(TinyRun.Arguments(2, "--out", run["first"], "--tau", "0.3"));
        using JsonDocument summary = JsonDocument.Parse(File.ReadAllText(Path.Combine(run["first"], "summary.json")));
        double knn = summary.RootElement.GetProperty("knn_top1").GetDouble();

        // The command finds images, k and T in the run folder, and so comes to the accuracy that the run had.
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"top-1 {knn:F2} %"), Finish(["knn", run["first"]]), StringComparison.Ordinal);

        string confusion = Path.Combine(run["first"], "confusion.csv");
        foreach (string[] protocol in new string[][] { ["--protocol", "small"], ["--protocol", "imagenet"] })
        {
            Assert.Contains("linear top-1", Finish(["linear", run["first"], "--epochs", "2", .. protocol]), StringComparison.Ordinal);
            Assert.Equal(11, File.ReadAllLines(confusion).Length);
            File.Delete(confusion);
        }

        Finish(["export", run["first"], run["encoder.safetensors"]]);
        Assert.Contains(
            string.Create(CultureInfo.InvariantCulture, $"top-1 {knn:F2} %"),
            Finish(["knn", run["encoder.safetensors"], "--data", "synthetic", "--train-limit", $"{TinyRun.TrainLimit}",
                "--knn-k", "5", "--knn-bank", "64", "--knn-test", "64"]),
            StringComparison.Ordinal);

        Finish(["pretrain", "--no-linear", "--config", Path.Combine(run["first"], "config.json"), "--out", run["second"]]);
        Assert.Equal(Text("first", "config.json"), Text("second", "config.json"));
        Assert.Equal(Text("first", "scores.csv"), Text("second", "scores.csv"));

        Finish(["pretrain", "--no-linear", "--config", Path.Combine(run["first"], "config.json"), "--out", run["third"], "--tau", "0.2"]);
        Assert.NotEqual(Text("first", "scores.csv"), Text("third", "scores.csv"));
        Assert.Equal(Text("first", "config.json").Replace("\"tau\": 0.3", "\"tau\": 0.2", StringComparison.Ordinal), Text("third", "config.json"));

        string Text(string folder, string file) => File.ReadAllText(Path.Combine(run[folder], file));
    }

    private static string Finish(string[] arguments)
    {
        (int code, string output, string errors) = TrainerProcess.Run(arguments);
        Assert.True(code == 0, errors);
        return output;
    }
}
