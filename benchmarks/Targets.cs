using System.Globalization;
using System.Text.Json;
using FeatureTransform.Benchmarks.Operators;
using FeatureTransform.Benchmarks.Reporting;
using FeatureTransform.LibTorch;
using FeatureTransform.Native;

namespace FeatureTransform.Benchmarks;

/// <summary>A measured figure beside what it must be and what it aims at.</summary>
internal sealed record Target(string Figure, double Value, double Must, double Aim, bool Met);

/// <summary>Measures every figure that the fused pass promises, in one run with its baselines.</summary>
internal static class Targets
{
    /// <summary>Threads of every figure, whatever the machine has.</summary>
    public const int Threads = 2;

    private const int C = 128, K = 65536;

    /// <summary>What the figures are of.</summary>
    public static readonly string Conditions = $"K {K}, C {C}, {Threads} threads, all statistics on";

    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, WriteIndented = true };

    /// <summary>Prints the figures; 1 where one misses what it must be, 2 for arguments that are not understood.</summary>
    public static int Run(string[] arguments)
    {
        if (arguments is not ([] or ["--json", _]))
        {
            Console.Error.WriteLine("targets takes nothing or --json FILE; given: " + string.Join(' ', arguments));
            return 2;
        }

        double peak = PeakMeter.Measure(Threads);
        Console.WriteLine(string.Join('\n', Header.Lines(peak, Threads)));
        Console.WriteLine(Conditions);
        Console.WriteLine($"{"figure",-58} {"value",9} {"must",9} {"aim",9}");
        List<Target> results = Measure(peak, target => Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{target.Figure,-58} {target.Value,9:F3} {target.Must,9:G4} {target.Aim,9:G4} {(target.Met ? "met" : "MISSED")}")));
        if (arguments is ["--json", string file])
        {
            File.WriteAllText(file, JsonSerializer.Serialize(results, Json));
        }

        return results.TrueForAll(result => result.Met) ? 0 : 1;
    }

    /// <summary>Measures every figure against the peak of <see cref="Threads"/> threads in GFLOP/s; <paramref name="measured"/> is told each when it is there.</summary>
    public static List<Target> Measure(double peak, Action<Target> measured)
    {
        var results = new List<Target>();
        void Add(string figure, double value, double must, double aim, bool atLeast)
        {
            results.Add(new(figure, value, must, aim, atLeast ? value >= must : value <= must));
            measured(results[^1]);
        }

        Passes(Add, peak);
        Add("element-scope Beta draw, one thread: ns", Draw(), 1.5, 0.8, atLeast: false);
        return results;
    }

    private static void Passes(Action<string, double, double, double, bool> add, double peak)
    {
        var queue = new FeatureQueue(K, C);
        queue.Initialize(1);
        var half = new FeatureQueue(K, C, ElementType.BFloat16);
        half.Enqueue(queue.Float32);
        var batch = new FeatureTransformOptions();
        FeatureTransformOptions element = batch with { PositiveScope = LambdaScope.Element, NegativeScope = LambdaScope.Element };

        (int N, double Must, double Aim, double ElementMust, double ElementAim)[] sizes =
            [(256, 0.70, 0.85, 1.45, 1.3), (1024, 0.78, 0.9, 1.2, 1.1), (4096, 0.8, 0.9, 1.08, 1.03)];
        double replace = 0, elementTime = 0;
        foreach ((int n, double must, double aim, double elementMust, double elementAim) in sizes)
        {
            double time = Time(batch, n, queue), mixed = Time(element, n, queue);
            (replace, elementTime) = n == 256 ? (time, mixed) : (replace, elementTime);
            add($"batch scope, N {n}: share of peak", 4.0 * n * K * C / time / 1e9 / peak, must, aim, true);
            add($"element scope, N {n}: time over batch scope", mixed / time, elementMust, elementAim, false);
        }

        add("row scope, N 256: time over batch scope", Time(batch with { NegativeScope = LambdaScope.Row }, 256, queue) / replace, 1.08, 1.03, false);
        add("extend, N 256: time over twice replace", Time(batch with { Negative = NegativeTransform.Extend }, 256, queue) / (2 * replace), 1.02, 0.95, false);
        add("bf16 queue over fp32 queue, N 256", Time(batch, 256, half) / replace, 1.05, 0.95, false);
        add("two threads over one, N 256", Time(batch, 256, queue, threads: 1) / replace, 1.85, 1.95, true);
        add("ATen operators one by one over the pass, N 256, batch", Baseline(batch, queue) / replace, 10, 14, true);
        add("ATen operators one by one over the pass, N 256, element", Baseline(element, queue) / elementTime, 35, 50, true);
        foreach ((int n, double must, double aim) in new[] { (256, 4.0, 2.0), (4096, 16, 8) })
        {
            using var shape = new ContrastiveCase(batch, n, queue, Threads);
            add($"memory beyond inputs and outputs, N {n}: MB", shape.Step.Stream.Bytes / 1e6, must, aim, false);
        }

        using var small = new ContrastiveCase(batch, 64, queue, Threads);
        for (int i = 0; i < 50; i++)
        {
            _ = small.Run();
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        _ = small.Run();
        add("managed allocation a call: bytes", GC.GetAllocatedBytesForCurrentThread() - before, 0, 0, false);
    }

    private static double Time(FeatureTransformOptions options, int n, FeatureQueue queue, int threads = Threads)
    {
        using var shape = new ContrastiveCase(options, n, queue, threads);
        return Timing.Best(() => shape.Run(), seconds: 3);
    }

    private static double Baseline(FeatureTransformOptions options, FeatureQueue queue)
    {
        ATen.SetThreads(Threads);
        options = options with { Positive = PositiveTransform.None };
        using var shape = new ContrastiveCase(options, 256, queue, Threads);
        using ATenContrastive baseline = ATenContrastive.Checked(options, shape);
        return Timing.Best(() => baseline.Run(), seconds: 6);
    }

    private static unsafe double Draw()
    {
        const int count = 4096;
        var draws = new BetaDraws(new BetaQuantile(1.6f));
        var buffer = new AlignedBuffer(count + 16 + BetaDraws.Behind);
        ulong first = 0;
        return Timing.Best(() => draws.Fill(0, 0, RandomUse.NegativeLambda, 0, first += count, count, buffer.Pointer + 16), seconds: 1) / count * 1e9;
    }
}
