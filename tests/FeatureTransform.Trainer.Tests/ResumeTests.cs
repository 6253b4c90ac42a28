using System.Diagnostics;
using System.Runtime.InteropServices;
using Xunit;

namespace FeatureTransform.Trainer.Tests;

/// <summary>A run that is stopped, however that may be, and resumed ends with the same bits as one that is not.</summary>
public sealed partial class ResumeTests
{
    private const int Epochs = 12, Kills = 20, Interrupt = 2;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    [Fact]
    public void Killed_at_any_moment_and_resumed_a_run_gives_the_same_bits()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "SIGKILL is a Unix signal");
        using var run = new TinyRun();
        Finish(TinyRun.Arguments(Epochs, "--out", run["whole"]));

        var random = new Random(7);
        int inCheckpoint = 0;
        for (int kill = 0; kill < Kills; kill++)
        {
            using Process process = TrainerProcess.Start(Arguments(run["killed"]));
            if (kill % 3 == 2)
            {
                // In the middle of writing a checkpoint: as soon as its temporary file is there.
                inCheckpoint += WaitForTemporaryFile(process, Path.Combine(run["killed"], "checkpoints")) ? 1 : 0;
            }
            else
            {
                TrainerProcess.WaitForLine(process, "steps");
                process.WaitForExit(random.Next(250));
            }

            process.Kill();
            process.WaitForExit();
        }

        Assert.True(inCheckpoint >= 3, $"only {inCheckpoint} kills fell into the writing of a checkpoint");
        Finish(Arguments(run["killed"]));
        Compare(run["whole"], run["killed"]);
    }

    [Fact]
    public void Interrupted_a_run_saves_says_how_to_resume_and_goes_on_to_the_same_bits()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "signals are Unix's");
        Assert.SkipWhen(IgnoresInterrupts(), "interrupts are ignored here, and by what is started, as in a shell's background job");
        using var run = new TinyRun();
        Finish(TinyRun.Arguments(Epochs, "--out", run["whole"]));
        using (Process process = TrainerProcess.Start(TinyRun.Arguments(Epochs, "--out", run["stopped"])))
        {
            TrainerProcess.WaitForLine(process, "epoch 1/");
            Assert.Equal(0, Signal(process.Id, Interrupt));
            string rest = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
            process.WaitForExit();
            Assert.Equal(130, process.ExitCode);
            Assert.Contains($"--resume {run["stopped"]}", rest, StringComparison.Ordinal);
            Assert.False(File.Exists(Path.Combine(run["stopped"], "summary.json")));
        }

        Finish(["pretrain", "--no-linear", "--resume", run["stopped"], "--checkpoint-every", "0"]);
        Compare(run["whole"], run["stopped"]);
    }

    [Fact]
    public void A_damaged_checkpoint_is_named_and_the_one_before_it_is_used()
    {
        using var run = new TinyRun();
        Finish(TinyRun.Arguments(2, "--out", run["run"]));
        string before = Tables(run["run"]), newest = Newest(run["run"]);
        byte[] whole = File.ReadAllBytes(newest);
        foreach (int length in new[] { 0, 7, 1000, whole.Length - 1 })
        {
            File.WriteAllBytes(newest, whole[..length]);
            (int code, string output, string errors) = TrainerProcess.Run(["pretrain", "--no-linear", "--resume", run["run"]]);
            Assert.True(code == 0, errors);
            Assert.Contains(Path.GetFileName(newest), output + errors, StringComparison.Ordinal);
            Assert.Equal(whole, File.ReadAllBytes(newest));
            Assert.Equal(before, Tables(run["run"]));
        }
    }

    // At once: until a command has started, a short run may have ended.
    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Signal(int process, int signal);

    private static bool IgnoresInterrupts()
    {
        const string status = "/proc/self/status", ignored = "SigIgn:";
        string? line = File.Exists(status) ? File.ReadLines(status).FirstOrDefault(line => line.StartsWith(ignored, StringComparison.Ordinal)) : null;
        return line is not null && (Convert.ToUInt64(line[ignored.Length..].Trim(), 16) & (1ul << (Interrupt - 1))) != 0;
    }

    private static string[] Arguments(string folder) =>
        File.Exists(Path.Combine(folder, "config.json"))
            ? ["pretrain", "--no-linear", "--resume", folder]
            : TinyRun.Arguments(Epochs, "--out", folder);

    private static void Finish(string[] arguments)
    {
        (int code, _, string errors) = TrainerProcess.Run(arguments);
        Assert.True(code == 0, errors);
    }

    private static bool WaitForTemporaryFile(Process process, string folder)
    {
        var watch = Stopwatch.StartNew();
        while (!process.HasExited && watch.Elapsed < Patience)
        {
            if (Directory.Exists(folder) && Directory.EnumerateFiles(folder, "*.tmp").Any())
            {
                return true;
            }

            Thread.Yield();
        }

        return false;
    }

    private static string Newest(string folder) => Directory.GetFiles(Path.Combine(folder, "checkpoints"), "*.safetensors").Max()!;

    private static string Tables(string folder) =>
        File.ReadAllText(Path.Combine(folder, "metrics.csv")) + File.ReadAllText(Path.Combine(folder, "scores.csv"));

    // Parameters, buffers, momentum and queue are all in the last checkpoint.
    private static void Compare(string expected, string actual)
    {
        Assert.Equal(Tables(expected), Tables(actual));
        Assert.Equal(Epochs, File.ReadAllLines(Path.Combine(actual, "metrics.csv")).Length - 1);
        Assert.Equal(Epochs * TinyRun.StepsPerEpoch, File.ReadAllLines(Path.Combine(actual, "scores.csv")).Length - 1);
        Assert.Equal(Path.GetFileName(Newest(expected)), Path.GetFileName(Newest(actual)));
        AssertSameTensors(File.ReadAllBytes(Newest(expected)), File.ReadAllBytes(Newest(actual)));
    }

    // The header names options such as how often to save, which may differ; the data behind it may not.
    private static void AssertSameTensors(byte[] expected, byte[] actual)
    {
        ReadOnlySpan<byte> Data(byte[] file) => file.AsSpan(8 + (int)BitConverter.ToUInt64(file));
        Assert.True(Data(expected).SequenceEqual(Data(actual)), "the tensors of the last checkpoint differ");
    }
}
