using System.Globalization;
using FeatureTransform.Native;
using FeatureTransform.Training.Methods;
using FeatureTransform.Training.Options;
using FeatureTransform.Training.Tests.Devices.Cuda;
using Xunit;

namespace FeatureTransform.Training.Tests.Methods;

/// <summary>What a step asks the CUDA libraries for, call by call.</summary>
public sealed class StepTraceTests
{
    private const string Command =
        "FT_WRITE=1 dotnet test --project tests/FeatureTransform.Training.Tests writes it anew";

    private static string TracePath => RepositoryFiles.Find("tests", "FeatureTransform.Training.Tests", "Methods", "step-trace.txt");

    [Fact]
    public void The_third_step_makes_the_calls_of_the_list()
    {
        PretrainOptions options = TinyMoCo.TiledOptions(groups: 1);
        using var cuda = new EmulatedCuda(CudaPrecision.BFloat16, separate: false, record: emulator => new CallRecorder(emulator));
        cuda.Device.Reserve(options);
        using var moco = new MoCo(cuda.Device, options);
        _ = (Step(0), Step(1));
        SortedDictionary<string, int> before = Counts(cuda);
        using (cuda.Recorder!.Record())
        {
            Assert.True(float.IsFinite(Step(2)));
        }

        string trace = Format(cuda.Recorder.Lines, Counts(cuda).Select(call => (call.Key, call.Value - before.GetValueOrDefault(call.Key))));
        if (RepositoryFiles.Writes)
        {
            File.WriteAllText(TracePath, trace);
        }

        string[] expected = File.ReadAllText(TracePath).ReplaceLineEndings("\n").Split('\n'), given = trace.Split('\n');
        for (int i = 0; i < Math.Max(expected.Length, given.Length); i++)
        {
            string wanted = expected.ElementAtOrDefault(i) ?? "(the end)", line = given.ElementAtOrDefault(i) ?? "(the end)";
            Assert.True(wanted == line, $"line {i + 1} of Methods/step-trace.txt:\n  {wanted}\nnow is\n  {line}\n{Command}.");
        }

        float Step(uint step) => moco.StepAndRead(TinyMoCo.Images(options, step), step, transform: step > 0, learningRate: 0.001f);
    }

    /// <summary>How often the list says that each function is called.</summary>
    internal static Dictionary<string, int> ListedCalls() => File.ReadLines(TracePath)
        .SkipWhile(line => !line.StartsWith("# How often", StringComparison.Ordinal)).Skip(1).Select(line => line.Split(' '))
        .ToDictionary(parts => parts[1], parts => int.Parse(parts[0], CultureInfo.InvariantCulture), StringComparer.Ordinal);

    // Every call by its function, of all three libraries.
    private static SortedDictionary<string, int> Counts(EmulatedCuda cuda) => new(
        cuda.Emulator.Calls.Concat(cuda.Emulator.CuDnn.Calls).ToDictionary(), StringComparer.Ordinal);

    private static string Format(IReadOnlyList<string> lines, IEnumerable<(string Function, int Count)> counts)
    {
        const string head = """
            # Step 3 of a ResNet-18 (width 0.25, 8 pixels, batch 16, bf16) in MoCo v2 with feature transformation, on an emulated A100.
            # Tensors of cuDNN are N x C x H x W, of a filter K x C x R x S; a product is M x N x K as cuBLASLt has it, by columns.

            """;
        string calls = string.Join(
            '\n', counts.Where(call => call.Count > 0).Select(call => string.Create(CultureInfo.InvariantCulture, $"{call.Count} {call.Function}")));
        return $"{head}\n{string.Join('\n', lines)}\n\n# How often each function was called, those left out above included.\n{calls}\n".ReplaceLineEndings("\n");
    }
}
