using System.Text.Json;
using FeatureTransform.Native;
using FeatureTransform.Training.Options;
using FeatureTransform.Training.Pretraining;
using FeatureTransform.Training.Runs;
using Xunit;

namespace FeatureTransform.Training.Tests.Runs;

public sealed class RunFolderTests : IDisposable
{
    private const int StepsPerEpoch = 3;
    private readonly TemporaryFolder folder = new();
    private readonly PretrainOptions options = new() { Run = new RunOptions { KeepCheckpoints = 100 } };

    private string Run => folder["run"];

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Rows_are_in_invariant_culture_and_read_back_to_the_same_bits()
    {
        using (RunFolder run = RunFolder.Create(Run, options))
        {
            run.OpenLogs(0, 0);
            run.Scores.Append(new StepReport(0, 0, 1f / 3, -0.5f, 1e-10f, float.NaN, float.PositiveInfinity, 1e20f, 0.25f, 1, 0.06f, true));
            run.Metrics.Append(Epoch(0) with { KnnTop1 = 12.5f });
            run.Metrics.Append(Epoch(1));
        }

        Assert.Equal(
            "step,epoch,loss,positive_score,negative_score,negative_variance,positive_exp,negative_exp,top1,top5,learning_rate,transformed\n" +
            "0,0,0.33333334,-0.5,1E-10,NaN,Infinity,1E+20,0.25,1,0.06,1\n",
            Text("scores.csv"));
        Assert.Equal(
            "epoch,steps,loss,positive_score,negative_score,top1,top5,learning_rate,knn_top1\n" +
            "0,3,0.1,0.2,0.3,0.4,0.5,0.6,12.5\n1,6,0.1,0.2,0.3,0.4,0.5,0.6,\n",
            Text("metrics.csv"));
    }

    [Fact]
    public void More_rows_than_the_buffer_holds_are_all_there()
    {
        using (RunFolder run = RunFolder.Create(Run, options))
        {
            run.OpenLogs(0, 0);
            for (int step = 0; step < 5000; step++)
            {
                run.Scores.Append(Step(step));
            }
        }

        Assert.Equal(Enumerable.Range(0, 5000).Select(i => $"{i}"), Text("scores.csv").Split('\n')[1..^1].Select(line => line.Split(',')[0]));
    }

    [Fact]
    public void Appending_a_row_allocates_nothing()
    {
        using RunFolder run = RunFolder.Create(Run, options);
        run.OpenLogs(0, 0);
        run.Scores.Append(Step(0));
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int step = 1; step < 100; step++)
        {
            run.Scores.Append(Step(step));
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Theory]
    [InlineData(0, "")]
    [InlineData(3, "")]
    [InlineData(4, "7,2,0.5")]
    [InlineData(7, "9")]
    [InlineData(8, "")]
    public void A_run_killed_at_any_row_and_resumed_writes_the_same_bytes(int checkpointAt, string torn)
    {
        Train(folder["whole"], 0, 9, int.MaxValue);
        Train(Run, 0, 8, checkpointAt);
        File.AppendAllText(Path.Combine(Run, "scores.csv"), torn);
        File.AppendAllText(Path.Combine(Run, "metrics.csv"), torn);
        Train(Run, checkpointAt, 9, int.MaxValue);
        foreach (string name in new[] { "scores.csv", "metrics.csv" })
        {
            Assert.Equal(File.ReadAllText(Path.Combine(folder["whole"], name)), Text(name));
        }
    }

    [Theory]
    [InlineData("scores.csv", 2, "row 2 of the 6")]
    [InlineData("scores.csv", 5, "row 5 of the 6")]
    [InlineData("metrics.csv", 1, "row 1 of the 2")]
    [InlineData("metrics.csv", -1, "its header")]
    public void A_missing_row_is_an_error_and_changes_nothing(string name, int row, string expected)
    {
        Train(Run, 0, 6, int.MaxValue);
        List<string> lines = [.. File.ReadAllLines(Path.Combine(Run, name))];
        lines.RemoveAt(row + 1);
        File.WriteAllText(Path.Combine(Run, name), string.Join('\n', lines) + "\n");
        string before = Text(name);
        using RunFolder run = RunFolder.Open(Run);
        string message = Assert.Throws<InvalidInputException>(() => run.OpenLogs(6, 2)).Message;
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.Contains(name, message, StringComparison.Ordinal);
        Assert.Equal(before, Text(name));
    }

    [Fact]
    public void A_last_row_cut_within_the_rows_that_count_is_an_error()
    {
        Train(Run, 0, 3, int.MaxValue);
        string path = Path.Combine(Run, "scores.csv");
        File.WriteAllText(path, Text("scores.csv")[..^5]);
        using RunFolder run = RunFolder.Open(Run);
        Assert.Contains("row 2", Assert.Throws<InvalidInputException>(() => run.OpenLogs(3, 1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_are_on_the_disk_before_their_checkpoint()
    {
        using RunFolder run = RunFolder.Create(Run, options);
        run.OpenLogs(0, 0);
        run.Scores.Append(Step(0));
        run.SaveCheckpoint(State(1), StepsPerEpoch);
        Assert.Contains("\n0,0,", Text("scores.csv"), StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(Run, "checkpoints", "step-0000000001.safetensors")));
    }

    [Fact]
    public void A_folder_that_holds_something_is_refused_and_left_as_it_was()
    {
        Directory.CreateDirectory(Run);
        File.WriteAllText(Path.Combine(Run, "thesis.txt"), "mine");
        string message = Assert.Throws<InvalidInputException>(() => RunFolder.Create(Run, options)).Message;
        Assert.Contains("is not empty", message, StringComparison.Ordinal);
        Assert.Equal([Path.Combine(Run, "thesis.txt")], Directory.GetFileSystemEntries(Run));
        Assert.Contains("no config.json", Assert.Throws<InvalidInputException>(() => RunFolder.Open(Run)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_place_that_cannot_be_made_leaves_nothing()
    {
        File.WriteAllText(folder["file"], "");
        Assert.Throws<InvalidInputException>(() => RunFolder.Create(Path.Combine(folder["file"], "run"), options));
        Assert.Contains(
            "no such folder", Assert.Throws<InvalidInputException>(() => RunFolder.Open(folder["none"])).Message, StringComparison.Ordinal);
        Assert.Equal([folder["file"]], Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void Two_cannot_train_in_one_folder_and_one_may_follow_the_other()
    {
        using (RunFolder.Create(Run, options))
        {
            Assert.Contains(
                "Another process trains", Assert.Throws<InvalidInputException>(() => RunFolder.Open(Run)).Message, StringComparison.Ordinal);
        }

        using RunFolder next = RunFolder.Open(Run);
        Assert.Equal(options, next.Options);
    }

    [Fact]
    public void What_a_killed_process_left_goes_at_resume()
    {
        RunFolder.Create(Run, options).Dispose();
        string[] leftovers = [Path.Combine(Run, "summary.json.tmp"), Path.Combine(Run, "checkpoints", "step-0000000001.safetensors.tmp")];
        Assert.All(leftovers, leftover => File.WriteAllText(leftover, "half"));
        RunFolder.Open(Run).Dispose();
        Assert.All(leftovers, leftover => Assert.False(File.Exists(leftover)));
    }

    [Fact]
    public void A_process_killed_while_it_made_the_folder_leaves_no_obstacle()
    {
        Directory.CreateDirectory(Run);
        File.WriteAllText(Path.Combine(Run, ".lock"), "");
        File.WriteAllText(Path.Combine(Run, "config.json.tmp"), "{");
        RunFolder.Create(Run, options).Dispose();
        Assert.True(RunFolder.IsRun(Run));
    }

    [Theory]
    [InlineData("synthetic", "runs/2026-01-31-143000-moco-v2-synthetic")]
    [InlineData("/data/cifar10.tar.gz", "runs/2026-01-31-143000-moco-v2-cifar10")]
    [InlineData("/data/imagenet/", "runs/2026-01-31-143000-moco-v2-imagenet")]
    [InlineData(".", "runs/2026-01-31-143000-moco-v2-data")]
    public void The_default_folder_says_when_how_and_what(string source, string expected)
    {
        var named = new PretrainOptions { Data = new DataOptions { Source = source } };
        Assert.Equal(expected, RunFolder.DefaultPath(named, new DateTime(2026, 1, 31, 14, 30, 0)).Replace('\\', '/'));
    }

    [Fact]
    public void The_summary_has_the_documented_keys()
    {
        using RunFolder run = RunFolder.Create(Run, options);
        run.WriteSummary(new RunSummary
        {
            KnnTop1 = 71.5f,
            KnnTop1Pixels = 30,
            Seconds = 12.5,
            PairsPerSecond = 700,
            Device = "cpu",
            Ft = "both",
            Versions = RunVersions.Current("2.10.0", null),
        });
        using JsonDocument json = JsonDocument.Parse(Text("summary.json"));
        Assert.Equal(
            [
                "knn_top1", "knn_top1_pixels", "knn_top1_untrained", "linear_top1", "seconds", "pairs_per_second", "data_wait", "device", "ft",
                "versions", "commit",
            ],
            json.RootElement.EnumerateObject().Select(property => property.Name));
        Assert.Equal(71.5f, json.RootElement.GetProperty("knn_top1").GetSingle());
        Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty("linear_top1").ValueKind);
        JsonElement versions = json.RootElement.GetProperty("versions");
        Assert.StartsWith(".NET 10", versions.GetProperty("runtime").GetString(), StringComparison.Ordinal);
        Assert.Equal("2.10.0", versions.GetProperty("libtorch").GetString());
        Assert.Matches(@"^\d+\.\d+\.\d+", versions.GetProperty("package").GetString());
    }

    private static StepReport Step(long step) =>
        new((int)(step / StepsPerEpoch), step, 1f / (step + 3), 0.5f, 0.1f, 0.01f, 2, 1, 0.5f, 0.75f, 0.06f, step > 4);

    private static EpochReport Epoch(int epoch) => new()
    {
        Epoch = epoch,
        Steps = (epoch + 1) * StepsPerEpoch,
        Loss = 0.1f,
        PositiveScore = 0.2f,
        NegativeScore = 0.3f,
        Top1 = 0.4f,
        Top5 = 0.5f,
        LearningRate = 0.6f,
        Seconds = 7,
        DataWait = 8,
    };

    private CheckpointState State(long step) => new(
        MemoryStore.Small(1), MemoryStore.Small(2), new FeatureQueue(3, 5), options, step, (int)(step / StepsPerEpoch), [step]);

    // A run from one step to another, with a checkpoint after one of them.
    private void Train(string path, long from, long to, long checkpointAt)
    {
        using RunFolder run = from == 0 && !RunFolder.IsRun(path) ? RunFolder.Create(path, options) : RunFolder.Open(path);
        using Checkpoint? checkpoint = run.Checkpoints.OpenNewestGood(new MessageLog());
        Assert.Equal(from, checkpoint?.Step ?? 0);
        run.OpenLogs(checkpoint?.Step ?? 0, checkpoint?.Epoch ?? 0);
        for (long step = from; step < to; step++)
        {
            run.Scores.Append(Step(step));
            if ((step + 1) % StepsPerEpoch == 0)
            {
                run.Metrics.Append(Epoch((int)(step / StepsPerEpoch)));
            }

            if (step + 1 == checkpointAt)
            {
                run.SaveCheckpoint(State(step + 1), StepsPerEpoch);
            }
        }
    }

    private string Text(string name)
    {
        using var file = new FileStream(Path.Combine(Run, name), FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        return new StreamReader(file).ReadToEnd();
    }
}
