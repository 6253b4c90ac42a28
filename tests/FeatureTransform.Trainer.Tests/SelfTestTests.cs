using FeatureTransform.Cuda;
using Xunit;

namespace FeatureTransform.Trainer.Tests;

/// <summary><c>info --selftest</c> on the emulator, with the kernels as they are and with wrong ones; and where it cannot run.</summary>
public sealed class SelfTestTests
{
    private const string Driver = "FEATURETRANSFORM_CUDA_DRIVER", Kernels = "FEATURETRANSFORM_KERNELS", LibTorch = "FEATURETRANSFORM_LIBTORCH";

    // File, what is right in it, what is written in its place, and the line of the report that must see it.
    private static readonly (string File, string Right, string Wrong, string Line)[] Mistakes =
    [
        ("ema.cu", "__fmul_rn(args.rest, source)", "__fmul_rn(args.m, source)", "EMA"),
        ("sgd.cu", "multiply_add(-rate, v, w)", "multiply_add(-rate, g, w)", "SGD"),
        ("enqueue.cu", "row - args.k)", "row - args.k + 1)", "enqueue"),
        ("infonce_finish.cu", "(float)(1.0 / ((double)args.tau * args.n))", "(float)(1.01 / ((double)args.tau * args.n))", "gradient"),
        ("knn.cu", "1 / sqrt(square);", "(float)(1 / sqrt(square));", "k-NN"),
        ("augment.cu", "((double)args.size * args.size)", "((double)args.size * (args.size + 1))", "augmentation"),
    ];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Every_check_is_ok_with_LibTorch_and_without(bool torch)
    {
        Assert.SkipUnless(Nvrtc.TryLoad(out _, out string? reason), reason ?? "");
        using var run = new TinyRun();
        string path = run["report.txt"];
        File.WriteAllText(path, "an earlier report");
        (int code, string output, string errors) = TrainerProcess.Run(
            ["info", "--selftest", "--device", "emulator", "--report", path],
            torch ? null : new Dictionary<string, string> { [LibTorch] = "/no/such/folder" });
        Assert.True(code == 0, output + errors);
        Assert.Equal("", errors);
        Dictionary<string, bool> checks = Checks(output);
        Assert.Equal(14, checks.Count);
        Assert.All(checks, check => Assert.True(check.Value, check.Key));
        Assert.Equal(torch, checks.Keys.Any(name => name.Contains("beside the CPU", StringComparison.Ordinal)));
        Assert.DoesNotContain("The emulator found", output, StringComparison.Ordinal);
        Assert.Contains("All 14 checks are ok", output, StringComparison.Ordinal);
        Assert.EndsWith($"Written to {path}, over the report that was there.\n", output, StringComparison.Ordinal);
        Assert.StartsWith(File.ReadAllText(path), output, StringComparison.Ordinal);
    }

    [Fact]
    public void Wrong_kernels_fail_each_in_its_line_and_in_no_other()
    {
        Assert.SkipUnless(Nvrtc.TryLoad(out _, out string? reason), reason ?? "");
        using var run = new TinyRun();
        string folder = WriteKernels(run["kernels"]);
        foreach ((string file, string right, string wrong, _) in Mistakes)
        {
            string path = Path.Combine(folder, file), text = File.ReadAllText(path);
            Assert.Contains(right, text, StringComparison.Ordinal);
            File.WriteAllText(path, text.Replace(right, wrong, StringComparison.Ordinal));
        }

        (int code, string output, string errors) = TrainerProcess.Run(
            ["info", "--selftest", "--device", "emulator", "--report", run["report.txt"]],
            new Dictionary<string, string> { [Kernels] = folder });
        Assert.Equal(1, code);
        Assert.Equal("", errors);
        Assert.Contains("checks FAILED", File.ReadAllText(run["report.txt"]), StringComparison.Ordinal);
        foreach ((string name, bool passed) in Checks(output).Where(check => !check.Key.StartsWith("training", StringComparison.Ordinal)))
        {
            bool isWrong = name.StartsWith("linear probe", StringComparison.Ordinal) // by SGD
                || Mistakes.Any(mistake => name.Contains(mistake.Line, StringComparison.Ordinal));
            Assert.True(passed != isWrong, output);
        }
    }

    [Fact]
    public void A_kernel_that_does_not_compile_is_a_line_too()
    {
        Assert.SkipUnless(Nvrtc.TryLoad(out _, out string? reason), reason ?? "");
        using var run = new TinyRun();
        string folder = WriteKernels(run["kernels"]);
        File.WriteAllText(Path.Combine(folder, "knn.cu"), "no C++");
        (int code, string output, _) = TrainerProcess.Run(
            ["info", "--selftest", "--device", "emulator", "--report", run["report.txt"]],
            new Dictionary<string, string> { [Kernels] = folder });
        Assert.Equal(1, code);
        Assert.Matches(@"\nk-NN +FAILED: .*knn\.cu.*\n", output);
        Assert.Contains("\n2 of ", output, StringComparison.Ordinal); // the compilation of all, and k-NN
    }

    [Fact]
    public void Without_a_driver_there_is_one_line_and_no_report()
    {
        using var run = new TinyRun();
        (int code, string output, string errors) = TrainerProcess.Run(
            ["info", "--selftest", "--report", run["report.txt"]], new Dictionary<string, string> { [Driver] = "/no/such/libcuda.so.1" });
        Assert.Equal(1, code);
        Assert.Equal("", output);
        Assert.Contains("--device cuda cannot be used: no CUDA device answers; install", Assert.Single(TrainerProcess.Lines(errors)), StringComparison.Ordinal);
        Assert.False(File.Exists(run["report.txt"]));
    }

    [Theory]
    [InlineData(1, "choose --device cuda or emulator", "--selftest", "--device", "cpu")]
    [InlineData(2, "ask for one", "--selftest", "--kernels")]
    [InlineData(2, "goes with --selftest", "--report", "x")]
    public void Options_that_do_not_fit_are_one_line(int expected, string text, params string[] args)
    {
        (int code, string output, string errors) = TrainerProcess.Run(["info", .. args]);
        Assert.Equal((expected, ""), (code, output));
        Assert.Contains(text, Assert.Single(TrainerProcess.Lines(errors)), StringComparison.Ordinal);
    }

    // Whether each check is ok, by its name.
    private static Dictionary<string, bool> Checks(string output) => TrainerProcess.Lines(output)
        .Select(line => (Line: line, Parts: line.Split("  ", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)))
        .Where(row => row.Parts.Length >= 2 && row.Parts[1] is "ok" or "FAILED")
        .ToDictionary(row => row.Parts[0], row => row.Parts[1] == "ok");

    private static string WriteKernels(string folder)
    {
        System.Reflection.Assembly assembly = System.Reflection.Assembly.Load("FeatureTransform.Native");
        const string prefix = "kernels/";
        foreach (string name in assembly.GetManifestResourceNames().Where(name => name.StartsWith(prefix, StringComparison.Ordinal)))
        {
            string path = Path.Combine(folder, name[prefix.Length..]);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using Stream from = assembly.GetManifestResourceStream(name)!;
            using FileStream to = File.Create(path);
            from.CopyTo(to);
        }

        return folder;
    }
}
