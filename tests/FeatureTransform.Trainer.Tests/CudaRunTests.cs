using System.Globalization;
using System.Text.Json;
using FeatureTransform.Cuda;
using Xunit;

namespace FeatureTransform.Trainer.Tests;

/// <summary>The command line on the CUDA device, with an emulator for a device.</summary>
public sealed class CudaRunTests
{
    private static readonly Dictionary<string, string> NoLibTorch = new() { ["FEATURETRANSFORM_LIBTORCH"] = "/no/such/folder" };

    [Fact]
    public void A_run_needs_no_LibTorch_and_goes_on_on_the_CPU()
    {
        using var run = new TinyRun();
        (int code, string output, string errors) = TrainerProcess.Run(Arguments("--device", "emulator", "--out", run["run"]), NoLibTorch);
        Assert.True(code == 0, errors);
        Assert.Equal("", errors);
        Assert.DoesNotContain("The emulator found", output, StringComparison.Ordinal);
        using JsonDocument summary = JsonDocument.Parse(File.ReadAllText(Path.Combine(run["run"], "summary.json")));
        Assert.Equal("cuda, Emulated A100, fp32", summary.RootElement.GetProperty("device").GetString());
        JsonElement versions = summary.RootElement.GetProperty("versions");
        Assert.Equal(JsonValueKind.Null, versions.GetProperty("libtorch").ValueKind);
        Assert.Contains("cuDNN", versions.GetProperty("cuda").GetString(), StringComparison.Ordinal);
        Assert.InRange(summary.RootElement.GetProperty("knn_top1").GetSingle(), 0, 100);

        // The same run on the CPU; and the last step of what was begun on either is the same on the other.
        (code, _, errors) = TrainerProcess.Run(Arguments("--device", "cpu", "--out", run["cpu"]));
        Assert.True(code == 0, errors);
        float[] cuda = Losses(run["run"]), cpu = Losses(run["cpu"]);
        Assert.Equal(2, cuda.Length);
        Assert.All(cuda.Zip(cpu), pair => Assert.Equal(pair.Second, pair.First, 1e-4f));
        string[] checkpoints = [.. Directory.GetFiles(Path.Combine(run["run"], "checkpoints")).Order(StringComparer.Ordinal)];
        File.Delete(checkpoints[^1]);
        (code, _, errors) = TrainerProcess.Run(["pretrain", "--resume", run["run"], "--device", "cpu", "--no-linear"]);
        Assert.True(code == 0, errors);
        Assert.Equal(cuda[0], Losses(run["run"])[0]);
        Assert.Equal(cpu[1], Losses(run["run"])[1], 1e-4f);
    }

    [Fact]
    public void A_verbose_run_ends_with_a_table_of_its_kernels()
    {
        const string header = "kernel +for +registers  spill st  spill ld  shared  constant  stack  from";
        using var run = new TinyRun();
        (int code, string output, string errors) = TrainerProcess.Run(Arguments("--device", "emulator", "--out", run["run"], "--verbose"));
        Assert.True(code == 0, errors);
        Assert.Matches(header, output);
        bool assembled = Nvrtc.TryLoad(out _, out string? reason);
        string[] lines = assembled // of each kernel, else of each program
            ? ["mix_positive", "infonce_fp32", "infonce_finish", "enqueue_fp32", "ema", "sgd", "global_average_fp32"]
            : ["positives", "infonce_fp32", "enqueue", "training_step"];
        string figures = assembled ? @"sm_80  +[1-9]\d*  +0  +0  +\d+  +\d+  +0  (NVRTC|cache)" : "compute_80  +-  .*  checked-in PTX";
        Assert.All(lines, name => Assert.Matches($@"(?m)^{name}\S* .*{figures}, \d+ ms$", output));

        // The table goes where messages go, and a device that has no kernels has none.
        (code, output, errors) = TrainerProcess.Run(Evaluate("emulator", "--quiet"));
        Assert.True(code == 0, errors);
        Assert.DoesNotMatch(header, output);
        Assert.Matches(header, errors);
        (code, output, errors) = TrainerProcess.Run(Evaluate("cpu"));
        Assert.True(code == 0, errors);
        Assert.DoesNotMatch(header, output + errors);
        Assert.SkipUnless(assembled, $"Only the assembler tells registers and spills. {reason}");

        string[] Evaluate(string device, params string[] more) =>
            ["knn", run["run"], "--device", device, "--knn-bank", "32", "--knn-test", "16", "--verbose", .. more];
    }

    [Fact]
    public void Memory_of_a_run_is_told_without_a_device()
    {
        (int code, string output, string errors) = TrainerProcess.Run(
            "info --memory --arch resnet50 --stem standard --width 1 --image-size 224 --batch 256 --queue-size 65536".Split(' '), NoLibTorch);
        Assert.True(code == 0, errors);
        Assert.Matches(
            @"^device memory  1\d\.\d\d GB, besides .*\nactivations    1\d\.\d\d GB\nparameters     0\.\d\d GB\nworkspace      0\.\d\d GB at most\nqueue          0\.\d\d GB\nimages         0\.\d\d GB, .*\n$",
            output);
    }

    private static string[] Arguments(params string[] more) =>
    [
        "pretrain", "--precision", "fp32", "--train-limit", "32", "--batch", "16", "--epochs", "1", "--image-size", "8", "--embedding", "32",
        "--queue-size", "40", "--warmup-steps", "4", "--checkpoint-every", "1", "--knn-k", "5", "--knn-bank", "32", "--knn-test", "16",
        "--ft-begin-epoch", "0", "--no-linear", .. more,
    ];

    private static float[] Losses(string run) =>
    [
        .. File.ReadLines(Path.Combine(run, "scores.csv")).Skip(1)
            .Select(line => float.Parse(line.Split(',')[2], CultureInfo.InvariantCulture)),
    ];
}
