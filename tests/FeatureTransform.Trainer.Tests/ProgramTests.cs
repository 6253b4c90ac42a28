using System.Text.Json;
using Xunit;

namespace FeatureTransform.Trainer.Tests;

/// <summary>The real command line: exit codes, and errors of one line.</summary>
public sealed class ProgramTests
{
    [Theory]
    [InlineData("--epoch 3", "'--epoch'")]
    [InlineData("--epochs three", "--epochs 'three': expected a whole number")]
    [InlineData("--tau", "'--tau'")]
    [InlineData("--pos-scope pixel", "--pos-scope 'pixel': expected batch, row or element")]
    [InlineData("pretrain --tau NaN", "--tau NaN: expected a finite number above 0")]
    [InlineData("--device gpu", "--device 'gpu': expected auto, cpu, cuda or emulator")]
    [InlineData("pretrained", "'pretrained': expected pretrain, knn, linear, export or info")]
    [InlineData("knn", "'source'")]
    [InlineData("linear somewhere --lr 1,high", "--lr 'high': expected a number")]
    [InlineData("linear somewhere --protocol big", "--protocol 'big': expected small or imagenet")]
    [InlineData("--dump-steps 3", "--dump-steps and --dump belong together")]
    public void What_cannot_be_used_is_one_line_and_exit_code_2(string commandLine, string expected)
    {
        (int code, string output, string errors) = TrainerProcess.Run(commandLine.Split(' '));
        Assert.Equal(2, code);
        Assert.Equal("", output);
        Assert.Contains(expected, Assert.Single(TrainerProcess.Lines(errors)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_failure_is_one_line_and_exit_code_1()
    {
        string folder = Directory.CreateTempSubdirectory("no-run-").FullName;
        try
        {
            (int code, string output, string errors) = TrainerProcess.Run(["export", folder]);
            Assert.Equal(1, code);
            Assert.Equal("", output);
            Assert.Single(TrainerProcess.Lines(errors));
            Assert.Empty(Directory.EnumerateFileSystemEntries(folder));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_device_that_is_not_there_is_one_line_with_what_to_install()
    {
        string folder = Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString("N"));
        var noDriver = new Dictionary<string, string> { ["FEATURETRANSFORM_CUDA_DRIVER"] = "/no/such/driver.so" };
        (int code, string output, string errors) = TrainerProcess.Run(["-q", "--device", "cuda", "--out", folder], noDriver);
        Assert.Equal(1, code);
        Assert.Equal("", output);
        string line = Assert.Single(TrainerProcess.Lines(errors));
        Assert.StartsWith("--device cuda cannot be used: no CUDA device answers; install NVIDIA's driver", line, StringComparison.Ordinal);
        Assert.Contains("/no/such/driver.so", line, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder));
    }

    [Fact]
    public void Verbose_says_where_an_error_came_from()
    {
        (int code, _, string errors) = TrainerProcess.Run(["--verbose", "--device", "gpu"]);
        Assert.Equal(2, code);
        Assert.Contains("   at ", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "pretrain")]
    [InlineData("pretrain", "--momentum-encoder")]
    [InlineData("knn", "--knn-k")]
    [InlineData("linear", "--confusion")]
    [InlineData("export", "destination")]
    [InlineData("info", "LibTorch")]
    public void Every_command_has_help(string command, string expected)
    {
        (int code, string output, string errors) = TrainerProcess.Run([.. TrainerProcess.Lines(command), "--help"]);
        Assert.Equal(0, code);
        Assert.Equal("", errors);
        Assert.Contains(expected, output, StringComparison.Ordinal);
    }

    [Fact]
    public void Info_counts_what_the_kernels_execute()
    {
        (int code, string output, string errors) = TrainerProcess.Run(["info", "--kernels", "--json"]);
        Assert.Equal((0, ""), (code, errors));
        using JsonDocument json = JsonDocument.Parse(output);
        JsonElement ema = json.RootElement.GetProperty("kernels").GetProperty("ema");
        Assert.Equal(3 * 65536, ema.GetProperty("singleFlops").GetInt64());

        (_, output, _) = TrainerProcess.Run(["info", "--kernels"]);
        Assert.Contains("facts about the PTX, never times", output, StringComparison.Ordinal);
        Assert.Contains("197k", output.Split('\n').Single(line => line.StartsWith("ema ", StringComparison.Ordinal)), StringComparison.Ordinal);

        (code, _, errors) = TrainerProcess.Run(["info", "--json"]);
        Assert.Equal((2, "--json goes with --kernels.\n"), (code, errors.ReplaceLineEndings("\n")));
    }

    [Fact]
    public void Info_works_where_LibTorch_is_missing()
    {
        var nowhere = new Dictionary<string, string> { ["FEATURETRANSFORM_LIBTORCH"] = "/no/such/folder" };
        (int code, string output, string errors) = TrainerProcess.Run(["info"], nowhere);
        Assert.Equal(0, code);
        Assert.Equal("", errors);
        Assert.Contains("LibTorch cannot be loaded", output, StringComparison.Ordinal);
        Assert.Contains("--epochs", output, StringComparison.Ordinal);
    }
}
