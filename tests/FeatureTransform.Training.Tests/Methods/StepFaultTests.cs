using FeatureTransform.Cuda;
using FeatureTransform.Cuda.Emulator.Host;
using FeatureTransform.Native;
using FeatureTransform.Training.Methods;
using FeatureTransform.Training.Options;
using FeatureTransform.Training.Tests.Devices;
using FeatureTransform.Training.Tests.Devices.Cuda;
using Xunit;
using CudaDevice = FeatureTransform.Training.Devices.Cuda.CudaDevice;

namespace FeatureTransform.Training.Tests.Methods;

/// <summary>
/// A call of a library fails in the middle of a run: the step says which, and what it held is released. By default a fixed part of
/// the calls of a step fail, each once and in a run of its own on one context; FT_FULL=1 lets all of them fail, about a second each. Calls
/// that release something are left out: what releases does not throw.
/// </summary>
public sealed class StepFaultTests(ITestOutputHelper output)
{
    private const int Part = 8;
    private const CudaPrecision Precision = CudaPrecision.Float32;

    private static readonly PretrainOptions Options = new()
    {
        Data = new DataOptions { ImageSize = 4 },
        Model = new ModelOptions { Width = 0.25f, EmbeddingSize = 32 },
        Method = new MethodOptions { QueueSize = 8 },
        Optimizer = new OptimizerOptions { BatchSize = 4 },
    };

    private enum Library
    {
        Driver,
        CuDnn,
        CuBlasLt,
    }

    [Fact]
    public void A_call_that_fails_ends_its_step_and_nothing_is_left()
    {
        using var cuda = new EmulatedCuda(Precision, separate: false);
        Call[] calls = CallsOfStep(cuda, out float loss);
        bool all = Environment.GetEnvironmentVariable("FT_FULL") == "1";
        int whole = calls.Length;
        if (!all)
        {
            calls = Choose(calls);
        }

        output.WriteLine($"{calls.Length} of {whole} calls; FT_FULL=1 lets all fail");
        string[] wrong = [.. calls.Select(call => (call, Problem: Fail(cuda, call))).Where(item => item.Problem is not null)
            .Select(item => $"{item.call.Function}, use {item.call.Use}: {item.Problem}")];
        Assert.True(wrong.Length == 0, string.Join('\n', wrong));
        using var other = new EmulatedCuda(Precision, separate: false);
        CallsOfStep(other, out float after);
        Assert.Equal(loss, after);
    }

    // Each function once, the rest by chance.
    private static Call[] Choose(Call[] calls)
    {
        var random = new System.Random(7);
        random.Shuffle(calls);
        Call[] first = [.. calls.DistinctBy(call => call.Function)];
        return [.. first.Concat(calls.Except(first)).Take(Part)];
    }

    private static Call[] CallsOfStep(EmulatedCuda cuda, out float loss)
    {
        using CudaDevice device = cuda.OpenAnother(Precision);
        device.Reserve(Options);
        using var moco = new MoCo(device, Options);
        Step(moco, 0);
        IReadOnlyDictionary<string, int> driver = cuda.Emulator.Calls, cuDnn = cuda.Emulator.CuDnn.Calls;
        loss = Step(moco, 1);
        Assert.True(float.IsFinite(loss));
        return
        [
            .. Since(driver, cuda.Emulator.Calls, function =>
                function.StartsWith("cublasLt", StringComparison.Ordinal) ? Library.CuBlasLt : Library.Driver),
            .. Since(cuDnn, cuda.Emulator.CuDnn.Calls, _ => Library.CuDnn),
        ];

        static IEnumerable<Call> Since(
            IReadOnlyDictionary<string, int> before, IReadOnlyDictionary<string, int> now, Func<string, Library> library) =>
            from call in now.OrderBy(call => call.Key, StringComparer.Ordinal)
            where !Releases(call.Key)
            from use in Enumerable.Range(1, call.Value - before.GetValueOrDefault(call.Key))
            select new Call(library(call.Key), call.Key, use);
    }

    private static bool Releases(string function) =>
        function.Contains("Destroy", StringComparison.Ordinal) || function.Contains("PopCurrent", StringComparison.Ordinal);

    /// <summary>What is wrong with how the step ends, and with what is left then; null for nothing.</summary>
    private static string? Fail(EmulatedCuda cuda, Call call)
    {
        const int driverError = 999, cuDnnError = 5000, cuBlasLtError = 13; // unknown, execution failed, execution failed
        (int, int, ulong) before = Held(cuda);
        string? problem = "the step ends as if it had not failed";
        try
        {
            using CudaDevice device = cuda.OpenAnother(Precision);
            device.Reserve(Options);
            using var moco = new MoCo(device, Options);
            Step(moco, 0);
            int code = call.Library switch { Library.CuDnn => cuDnnError, Library.CuBlasLt => cuBlasLtError, _ => driverError };
            switch (call.Library)
            {
                case Library.CuDnn:
                    cuda.Emulator.CuDnn.FailCall(call.Function, code, call.Use);
                    break;
                case Library.CuBlasLt:
                    cuda.Emulator.CuBlasLt.FailCall(call.Function, code, call.Use);
                    break;
                default:
                    cuda.Emulator.FailCall(call.Function, code, call.Use);
                    break;
            }

            try
            {
                Step(moco, 1);
            }
            catch (CudaException error)
            {
                problem = error.Call == call.Function && error.Code == code ? null : $"the step says {error.Message}";
            }
        }
        catch (Exception error)
        {
            return $"{error.GetType().Name}: {error.Message}";
        }

        return Held(cuda) == before ? problem : $"held before: {before}, and after it: {Held(cuda)}";
    }

    // Objects of the driver and of libraries, descriptors, and bytes that are free.
    private static (int Objects, int Descriptors, ulong Free) Held(EmulatedCuda cuda)
    {
        EmulatedContext context = cuda.Emulator.Devices[0].Primary!;
        HandleTable handles = cuda.Emulator.Handles;
        return (handles.LiveOf(context).Count(), handles.LiveDescriptors().Sum(kind => kind.Count), context.Memory.Free);
    }

    private static float Step(MoCo moco, uint step)
    {
        (int n, int size) = (Options.Optimizer.BatchSize, Options.Data.ImageSize);
        int count = n * size * size * 3;
        return moco.StepAndRead(Views.Of(n, size, View(1), View(2)), step, transform: true, learningRate: 0.001f);

        float[] View(uint view) => LayerNumbers.Random(ElementType.Float32, count, (10 * step) + view);
    }

    /// <summary>A use of a function, the first of the step being 1.</summary>
    private sealed record Call(Library Library, string Function, int Use);
}
