using FeatureTransform.Cuda;
using FeatureTransform.Cuda.Emulator;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Native;
using FeatureTransform.Native.Cuda;
using FeatureTransform.Training.Data;

namespace FeatureTransform.Training.Devices;

/// <summary>
/// What each kernel executes at one size, counted by the emulator while it runs the PTX: facts about the kernels, which need no
/// device and say nothing of time.
/// </summary>
public static class KernelSurvey
{
    private const int N = 64, C = 128, K = 1024, Classes = 1000, Parameters = 65536, ViewSize = 64, Neighbors = 20;

    /// <summary>The sizes, for a person.</summary>
    public static string Sizes { get; } =
        $"N = {N} rows of C = {C} channels, K = {K} negatives and bank rows, k = {Neighbors} neighbours, {Classes} classes, "
        + $"{Parameters} parameters, one view of {ViewSize} x {ViewSize} pixels";

    /// <summary>
    /// Runs every kernel on an emulated A100, in seconds. Where there is no NVRTC, kernels whose PTX is not checked in are left
    /// out.
    /// </summary>
    /// <returns>The kernels by name, with what their launches executed.</returns>
    /// <exception cref="CudaException">No PTX can be had at all.</exception>
    public static IReadOnlyDictionary<string, KernelCounters> Run()
    {
        using var emulator = new Emulator(new EmulatorOptions
        {
            Device = DeviceProfile.A100,
            Checks = Checks.None,
            Counters = true,
            Workers = Environment.ProcessorCount,
        });
        using var context = new CudaContext(new CudaDriver(emulator).Devices[0]);
        using KernelLibrary kernels = KernelLibrary.Open(context, KernelSet.LoadSources(), ptx: true);
        using var device = new DeviceBuffers(context);
        RunSteps(device, kernels);
        RunOptimizers(device, kernels);
        RunRows(device, kernels);
        RunNeighbors(device, kernels);
        RunViews(device, kernels);
        device.Stream.Synchronize();
        return new SortedDictionary<string, KernelCounters>(emulator.Counters.ToDictionary(), StringComparer.Ordinal);
    }

    private static void RunSteps(DeviceBuffers device, KernelLibrary kernels)
    {
        CudaPrecision[] precisions = Nvrtc.TryLoad(out _, out _)
            ? Enum.GetValues<CudaPrecision>()
            : [CudaPrecision.BFloat16, CudaPrecision.Float32];
        ulong queue = device.Numbers(K * C), mixed = device.Room(K * C * sizeof(float));
        foreach (CudaPrecision precision in precisions)
        {
            using var step = new CudaContrastiveStep(
                new FeatureTransformOptions(), new CudaStepShape(N, C, K) { Precision = precision }, device.Context, kernels);
            step.SetState(1, true, 0, device.Stream);
            var buffers = new CudaStepBuffers
            {
                QRaw = device.Numbers(N * C),
                KRaw = device.Numbers(N * C),
                Queue = queue,
                DqRaw = device.Room(N * C * sizeof(float)),
                Keys = device.Room(N * C * sizeof(float)),
                Loss = device.Room(sizeof(float)),
                Statistics = device.Room(CudaStepBuffers.StatisticsArrays * N * sizeof(float)),
            };
            step.Run(buffers, N, device.Stream);
            step.Enqueue(buffers, N, device.Stream);
        }

        var quantile = new BetaQuantile(0.2f);
        new MixQueue(kernels, ElementType.Float32, ElementType.Float32).Launch(device.Stream, new MixQueueArgs
        {
            State = device.Upload<StepState>([new StepState { Transform = 1 }]),
            Queue = queue,
            Table = device.Upload<float>(quantile.Table),
            Mixed = mixed,
            K = K,
            C = C,
            RowBits = (uint)quantile.RowBits,
        });
    }

    private static void RunOptimizers(DeviceBuffers device, KernelLibrary kernels)
    {
        var table = new ParameterTable();
        table.Add(0, Parameters, ParameterFlags.Decay | ParameterFlags.TrustRatio);
        int chunks = table.Chunks.Length;
        ulong weights = device.Numbers(Parameters);
        var arrays = new ParameterArrays
        {
            Chunks = device.Upload(table.Chunks),
            Segments = device.Upload(table.Segments),
            Weights = weights,
            Gradient = device.Numbers(Parameters),
            Velocity = device.Numbers(Parameters),
            LearningRate = device.Numbers(1),
        };
        new Ema(kernels, ElementType.Float32).Launch(
            device.Stream, new EmaArgs { Target = weights, Source = arrays.Gradient, Count = Parameters, M = 0.5f, Rest = 0.5f });
        new Sgd(kernels, ElementType.Float32).Launch(device.Stream, chunks, new SgdArgs { Arrays = arrays, Momentum = 0.9f });
        new Lars(kernels).Launch(device.Stream, chunks, new LarsArgs
        {
            Arrays = arrays,
            Squares = device.Room(chunks * Lars.SquareBytes),
            Momentum = 0.9f,
            Trust = 0.001f,
        });
    }

    private static void RunRows(DeviceBuffers device, KernelLibrary kernels)
    {
        ulong rows = device.Numbers(N * C), logits = device.Numbers(N * Classes);
        new BiasRelu(kernels, ElementType.Float32).Launch(
            device.Stream, ElementType.Float32,
            new BiasReluArgs { Dy = rows, Y = device.Numbers(N * C), Gradient = device.Room(C * sizeof(float)), N = N, C = C });
        new Cast(kernels, ElementType.BFloat16).Launch(device.Stream, ElementType.Float32, ElementType.BFloat16, new CastArgs
        {
            Source = rows,
            Target = device.Room(N * C * sizeof(ushort)),
            Rows = N,
            SourceColumns = C,
            TargetColumns = C,
        });
        new NormInference(kernels, ElementType.Float32).Launch(device.Stream, new NormInferenceArgs
        {
            X = rows,
            Weight = device.Numbers(C),
            Bias = device.Numbers(C),
            Mean = device.Numbers(C),
            Variance = device.Numbers(C),
            Rows = N,
            C = C,
        });
        var average = new GlobalAverage(kernels, ElementType.Float32);
        ulong means = device.Room(C * sizeof(float));
        average.Forward(device.Stream, new GlobalAverageArgs { From = rows, To = means, Pixels = N, N = 1, C = C });
        average.Backward(device.Stream, new GlobalAverageArgs { From = means, To = rows, Pixels = N, N = 1, C = C });
        new ScatterRows(kernels, ElementType.Float32).Launch(device.Stream, new ScatterRowsArgs
        {
            Source = rows,
            Target = device.Room(N * C * sizeof(float)),
            Order = device.Upload<uint>([.. Enumerable.Range(0, N).Select(i => (uint)(N - 1 - i))]),
            N = N,
            C = C,
        });
        new SoftmaxCrossEntropy(kernels).Launch(device.Stream, new SoftmaxCrossEntropyArgs
        {
            Logits = logits,
            Labels = device.Upload<int>(Labels(N)),
            Gradient = logits,
            Losses = device.Room(N * sizeof(float)),
            Mean = device.Room(sizeof(float)),
            Stride = Classes,
            N = N,
            Classes = Classes,
        });
    }

    private static void RunNeighbors(DeviceBuffers device, KernelLibrary kernels)
    {
        var knn = new Knn(kernels);
        int capacity = Knn.Capacity(Neighbors);
        (ulong queries, ulong bank) = (device.Room(N * C * sizeof(float)), device.Room(K * C * sizeof(float)));
        foreach ((ulong unit, int count) in new[] { (queries, N), (bank, K) })
        {
            ulong rows = device.Numbers(count * C);
            knn.Normalize(
                device.Stream, new KnnNormalizeArgs { Rows = rows, Unit = unit, Stride = C, Count = (uint)count, C = C, Padded = C });
        }

        (ulong keys, ulong counts) = (device.Room(N * capacity * sizeof(ulong)), device.Room(N * sizeof(uint)));
        knn.Search(device.Stream, 1, new KnnSearchArgs
        {
            Queries = queries,
            Bank = bank,
            Keys = keys,
            Counts = counts,
            N = N,
            M = K,
            Padded = C,
            K = Neighbors,
            Capacity = (uint)capacity,
        });
        knn.Vote(device.Stream, new KnnVoteArgs
        {
            Keys = keys,
            Counts = counts,
            Best = device.Room(N * Neighbors * sizeof(ulong)),
            Indices = device.Room(N * Neighbors * sizeof(int)),
            Similarities = device.Room(N * Neighbors * sizeof(float)),
            Labels = device.Upload<int>(Labels(K)),
            Votes = device.Room(N * Classes * sizeof(double)),
            N = N,
            K = Neighbors,
            Capacity = (uint)capacity,
            Parts = 1,
            Classes = Classes,
            Temperature = 0.07f,
        });
    }

    private static void RunViews(DeviceBuffers device, KernelLibrary kernels)
    {
        const int width = 96, height = 96;
        var recipe = AugmentationRecipe.Named("moco-v2", ViewSize);
        ViewParameters choices = ViewParameters.Draw(recipe, 1, 0, 0, 0, width, height);
        AugmentView view = DeviceViews.Of(recipe, choices, ViewSize, 0, width);
        view.BlurSigma = 1;
        new Augment(kernels, ElementType.Float32, ViewSize, ViewSize / 20).Launch(device.Stream, 1, new AugmentArgs
        {
            Views = device.Upload<AugmentView>([view]),
            Images = device.Upload<byte>(new byte[3 * width * height]),
            Planes = device.Room(3 * ViewSize * ViewSize * sizeof(float)),
            Sums = device.Room(Augment.Sums(ViewSize) * sizeof(double)),
            Output = device.Room(3 * ViewSize * ViewSize * sizeof(float)),
            Size = ViewSize,
            Channels = 3,
        });
    }

    private static int[] Labels(int count)
    {
        var random = new Random(count);
        return [.. Enumerable.Range(0, count).Select(_ => random.Next(10))];
    }
}
