using System.Diagnostics;
using System.Text;
using Xunit;

namespace FeatureTransform.Trainer.Tests;

/// <summary>
/// What a person can get wrong: the real command line says it in one line, leaves nothing half-written, and ends with 2 for
/// usage and 1 for failure.
/// </summary>
public sealed class BadInputTests : IDisposable
{
    private readonly TinyRun files = new();

    public void Dispose() => files.Dispose();

    [Theory]
    [InlineData("--tau 0", "--tau")]
    [InlineData("--pos-alpha 0.01", "--pos-alpha")]
    [InlineData("--neg-alpha 101", "--neg-alpha")]
    [InlineData("--momentum-encoder 1", "--momentum-encoder")]
    [InlineData("--lr -1", "--lr")]
    [InlineData("--width 0.1", "--width")]
    [InlineData("--epochs 0", "--epochs")]
    [InlineData("--queue-size 64 --batch 128", "--queue-size")]
    [InlineData("--bn-groups 3 --batch 128", "--bn-groups")]
    public void An_option_out_of_range_is_a_usage_error(string options, string named) =>
        Refused(2, [named], ["pretrain", .. options.Split(' '), "--out", files["run"]]);

    [Fact]
    public void A_batch_larger_than_the_set() =>
        Refused(1, ["batch", "100"], ["pretrain", "--train-limit", "100", "--batch", "128", "--out", files["run"]]);

    [Fact]
    public void A_folder_that_is_not_there() =>
        Refused(1, [files["nowhere"]], ["pretrain", "--data", files["nowhere"], "--out", files["run"]]);

    [Fact]
    public void A_folder_without_images()
    {
        Directory.CreateDirectory(files["empty"]);
        File.WriteAllText(Path.Combine(files["empty"], "notes.txt"), "no image");
        Refused(1, [files["empty"], "image"], ["pretrain", "--data", files["empty"], "--out", files["run"]]);
    }

    [Fact]
    public void Too_many_corrupt_images_of_which_one_is_named()
    {
        string data = files.WriteImages("data", ["a", "b"]);
        File.WriteAllBytes(Path.Combine(data, "train", "a", "0.png"), TinyRun.Png[..40]);
        Refused(1, ["0.png", "1 %"], ["pretrain", "--data", data, "--batch", "2", "--out", files["run"]], messages: 1);
    }

    [Fact]
    public void An_archive_cut_short()
    {
        string data = files.WriteImages("data", ["a", "b"]), archive = files["data.tar.gz"];
        using (Process tar = Process.Start("tar", ["-czf", archive, "-C", data, "train", "test"])!)
        {
            tar.WaitForExit();
        }

        byte[] whole = File.ReadAllBytes(archive);
        File.WriteAllBytes(archive, whole[..(whole.Length / 2)]);
        Refused(1, ["data.tar.gz"], ["pretrain", "--data", archive, "--batch", "2", "--out", files["run"]]);
    }

    [Fact]
    public void A_class_list_that_names_a_missing_class()
    {
        string data = files.WriteImages("data", ["a", "b"]);
        File.WriteAllText(files["classes.txt"], "a\nzebra\n");
        Refused(1, ["zebra"], ["pretrain", "--data", data, "--classes", files["classes.txt"], "--batch", "2", "--out", files["run"]]);
    }

    [Fact]
    public void A_config_with_an_unknown_key()
    {
        File.WriteAllText(files["config.json"], """{ "optimizer": { "learningRat": 0.1 } }""");
        Refused(2, ["learningRat"], ["pretrain", "--config", files["config.json"], "--out", files["run"]]);
    }

    [Fact]
    public void A_place_that_cannot_be_written() =>
        Refused(1, ["/proc/run"], TinyRun.Arguments(1, "--out", "/proc/run"));

    [Fact]
    public void One_class_only_for_evaluation()
    {
        Run(0, TinyRun.Arguments(1, "--out", files["run"]));
        string data = files.WriteImages("data", ["only"]);
        string[] source = [files["run"], "--data", data];
        Refused(1, ["one class", "only"], ["knn", .. source, "--knn-k", "1"], folder: null);
        Refused(1, ["one class", "only"], ["linear", .. source], folder: null);
    }

    [Fact]
    public void A_resume_with_options_that_contradict_the_checkpoint()
    {
        Run(0, TinyRun.Arguments(1, "--out", files["run"]));
        string summary = File.ReadAllText(Path.Combine(files["run"], "summary.json"));
        (_, _, string errors) = Run(1, ["pretrain", "--resume", files["run"], "--lr", "0.5"]);
        Assert.Contains("learningRate", Assert.Single(TrainerProcess.Lines(errors)), StringComparison.Ordinal);
        Assert.Equal(summary, File.ReadAllText(Path.Combine(files["run"], "summary.json")));
    }

    [Fact]
    public void A_safetensors_file_that_is_damaged()
    {
        string file = files["encoder.safetensors"];
        Run(0, TinyRun.Arguments(1, "--out", files["run"]));
        Run(0, ["export", files["run"], file]);
        byte[] whole = File.ReadAllBytes(file);
        const int header = 8;
        string json = Encoding.UTF8.GetString(whole, header, (int)BitConverter.ToUInt64(whole));
        Check(whole[..(whole.Length / 2)]);
        Check(WithHeader(json.Replace("\"F32\",\"shape\":[16,3,3,3]", "\"F32\",\"shape\":[99,3,3,3]", StringComparison.Ordinal))); // offsets past its end
        Check(WithHeader(json.Replace("[16,3,3,3]", "[16,3,9,1]", StringComparison.Ordinal))); // a wrong shape

        byte[] WithHeader(string changed) => [.. whole[..header], .. Encoding.UTF8.GetBytes(changed), .. whole[(header + json.Length)..]];

        void Check(byte[] damaged)
        {
            Assert.False(damaged.AsSpan().SequenceEqual(whole));
            File.WriteAllBytes(file, damaged);
            Refused(1, ["encoder.safetensors"], ["knn", file, "--data", "synthetic"], folder: null);
        }
    }

    [Fact]
    public void A_loss_that_is_not_finite_names_the_step_and_keeps_the_checkpoint()
    {
        (_, _, string errors) = Run(1, TinyRun.Arguments(2, "--lr", "1e30", "--precision", "fp32", "--keep-checkpoints", "3", "--out", files["run"]));
        string line = Assert.Single(TrainerProcess.Lines(errors));
        Assert.Matches("loss of step [0-9]+", line);
        int step = int.Parse(line.Split("loss of step ")[1].Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
        string newest = Directory.GetFiles(Path.Combine(files["run"], "checkpoints")).Max()!;
        Assert.EndsWith($"step-{step:D10}.safetensors", newest, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(files["run"], "summary.json")));
    }

    [Fact]
    public void A_full_disk_ends_the_run_with_a_message_and_keeps_the_last_checkpoint()
    {
        string disk = files["disk"];
        Directory.CreateDirectory(disk);
        Assert.SkipUnless(OperatingSystem.IsLinux() && Mount("mount", "-t", "tmpfs", "-o", "size=24m", "none", disk), "no right to mount a small disk");
        try
        {
            // A checkpoint has about 9 MB and the old one goes only once the new one is whole: two fit, a third does not.
            string[] run = TinyRun.Arguments(2, "--keep-checkpoints", "5", "--out", Path.Combine(disk, "run"));
            (_, _, string errors) = Run(1, run);
            Assert.Contains("space", Assert.Single(TrainerProcess.Lines(errors)), StringComparison.Ordinal);
            string[] kept = Directory.GetFiles(Path.Combine(disk, "run", "checkpoints"));
            Assert.NotEmpty(kept);
            Assert.All(kept, file => Assert.EndsWith(".safetensors", file, StringComparison.Ordinal));
            Run(0, ["export", Path.Combine(disk, "run"), files["encoder.safetensors"]]);
        }
        finally
        {
            Assert.True(Mount("umount", disk));
        }
    }

    private static bool Mount(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }

    private static (int Code, string Output, string Errors) Run(int expected, string[] arguments)
    {
        (int code, string output, string errors) = TrainerProcess.Run(arguments);
        Assert.True(code == expected, $"exit code {code}, {expected} expected: {output}{errors}");
        return (code, output, errors);
    }

    /// <summary>Exit code, one line on stderr (after so many messages) that holds the texts, and no run folder.</summary>
    private void Refused(int code, string[] texts, string[] arguments, string? folder = "run", int messages = 0)
    {
        (_, string output, string errors) = Run(code, arguments);
        string[] lines = TrainerProcess.Lines(errors);
        Assert.True(lines.Length <= 1 + messages, errors);
        Assert.All(texts, text => Assert.Contains(text, messages > 0 ? output + errors : lines[^1], StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain("   at ", errors, StringComparison.Ordinal);
        if (folder is not null)
        {
            Assert.False(Directory.Exists(files[folder]), "the run folder was left behind");
        }
    }
}
