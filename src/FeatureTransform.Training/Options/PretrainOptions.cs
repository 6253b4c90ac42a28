using FeatureTransform.Native;
using FeatureTransform.Training.Data;

namespace FeatureTransform.Training.Options;

/// <summary>
/// Everything that determines a pretraining run; what <c>config.json</c> holds. Defaults are those of the built-in
/// run.
/// </summary>
public sealed record PretrainOptions
{
    /// <summary>Images and their augmentation.</summary>
    public DataOptions Data { get; init; } = new();

    /// <summary>Encoder.</summary>
    public ModelOptions Model { get; init; } = new();

    /// <summary>Contrastive method.</summary>
    public MethodOptions Method { get; init; } = new();

    /// <summary>Feature transformation.</summary>
    public TransformOptions Transform { get; init; } = new();

    /// <summary>Optimiser and its schedule.</summary>
    public OptimizerOptions Optimizer { get; init; } = new();

    /// <summary>Seed, device, threads, checkpoints.</summary>
    public RunOptions Run { get; init; } = new();

    /// <summary>What the contrastive step of a run is given.</summary>
    internal FeatureTransformOptions FeatureTransform() => new()
    {
        Tau = Method.Tau,
        Seed = Run.Seed,
        Positive = Transform.Positive,
        PositiveAlpha = Transform.PositiveAlpha,
        PositiveScope = Transform.PositiveScope,
        PositiveNormalize = Transform.PositiveNormalize,
        Negative = Transform.Negative,
        NegativeAlpha = Transform.NegativeAlpha,
        NegativeScope = Transform.NegativeScope,
        NegativeNormalize = Transform.NegativeNormalize,
    };
}

/// <summary>Images and their augmentation.</summary>
public sealed record DataOptions
{
    /// <summary><c>synthetic</c>, or a folder or archive of images.</summary>
    public string Source { get; init; } = ImageSource.Synthetic;

    /// <summary>A file with one class name a line: only those classes are used (ImageNet-100 is such a list). Null: all.</summary>
    public string? ClassList { get; init; }

    /// <summary>Side of a training crop in pixels.</summary>
    public int ImageSize { get; init; } = 24;

    /// <summary>Use at most this many training images (0: all), the first of a seeded shuffle.</summary>
    public int TrainLimit { get; init; }

    /// <summary>Augmentation recipe: <c>moco-v1</c> or <c>moco-v2</c> (blur is left out at 32 pixels and below, as is usual for CIFAR).</summary>
    public string Augmentation { get; init; } = "moco-v2";
}

/// <summary>Encoder.</summary>
public sealed record ModelOptions
{
    /// <summary><c>resnet18</c>, <c>resnet34</c> or <c>resnet50</c>.</summary>
    public string Architecture { get; init; } = "resnet18";

    /// <summary><c>cifar</c> (3x3 stride 1, no max pool) or <c>standard</c> (7x7 stride 2 and max pool).</summary>
    public string Stem { get; init; } = "cifar";

    /// <summary>Multiplier of every layer's width.</summary>
    public float Width { get; init; } = 0.25f;

    /// <summary>Projection head: <c>linear</c> (MoCo v1) or <c>mlp</c> (MoCo v2).</summary>
    public string Head { get; init; } = "mlp";

    /// <summary>C, the width of the embedding.</summary>
    public int EmbeddingSize { get; init; } = 128;
}

/// <summary>Contrastive method.</summary>
public sealed record MethodOptions
{
    /// <summary><c>moco-v1</c> or <c>moco-v2</c>.</summary>
    public string Name { get; init; } = "moco-v2";

    /// <summary>Temperature.</summary>
    public float Tau { get; init; } = 0.1f;

    /// <summary>K, the rows of the queue.</summary>
    public int QueueSize { get; init; } = 256;

    /// <summary>Storage of the queue: <c>fp32</c> or <c>bf16</c>.</summary>
    public string QueueType { get; init; } = "fp32";

    /// <summary>m of the momentum encoder.</summary>
    public float EncoderMomentum { get; init; } = 0.99f;

    /// <summary>Virtual devices of shuffle-BN; 1 is plain batch normalisation.</summary>
    public int BatchNormGroups { get; init; } = 1;
}

/// <summary>Feature transformation: what is mixed, how, and from which epoch.</summary>
public sealed record TransformOptions
{
    /// <summary>Transformation of the positive pairs.</summary>
    public PositiveTransform Positive { get; init; } = PositiveTransform.Extrapolation;

    /// <summary>a of the positives' Beta(a, a).</summary>
    public float PositiveAlpha { get; init; } = 2.0f;

    /// <summary>Scope of the positives' lambda.</summary>
    public LambdaScope PositiveScope { get; init; } = LambdaScope.Batch;

    /// <summary>Normalise the mixed positives again.</summary>
    public bool PositiveNormalize { get; init; }

    /// <summary>Transformation of the queue.</summary>
    public NegativeTransform Negative { get; init; } = NegativeTransform.Replace;

    /// <summary>a of the negatives' Beta(a, a).</summary>
    public float NegativeAlpha { get; init; } = 1.6f;

    /// <summary>Scope of the negatives' lambda.</summary>
    public LambdaScope NegativeScope { get; init; } = LambdaScope.Batch;

    /// <summary>Normalise the mixed queue rows again.</summary>
    public bool NegativeNormalize { get; init; }

    /// <summary>
    /// First epoch (from 0) with the transformation; before it the loss is plain InfoNCE (paper, Table 6). <see cref="Automatic"/>:
    /// the first epoch after <see cref="SettlingSteps"/> steps.
    /// </summary>
    public int BeginEpoch { get; init; } = Automatic;

    /// <summary>Value of <see cref="BeginEpoch"/> that leaves the choice to the number of steps in an epoch.</summary>
    public const int Automatic = -1;

    /// <summary>
    /// Steps after which an encoder's negatives differ enough to be mixed. Mixed earlier, embeddings that are all alike stay alike
    /// for long (docs/results.md); on ImageNet-100 with batches of 256 this is the paper's best begin, epoch 2.
    /// </summary>
    public const int SettlingSteps = 800;

    /// <summary>Whether anything is transformed at all.</summary>
    internal bool IsOn => Positive != PositiveTransform.None || Negative != NegativeTransform.None;

    /// <summary>The first epoch with the transformation in a run of so many steps an epoch.</summary>
    public int FirstEpoch(int stepsPerEpoch) =>
        BeginEpoch == Automatic ? (SettlingSteps + stepsPerEpoch - 1) / stepsPerEpoch : BeginEpoch;
}

/// <summary>Optimiser (SGD with momentum) and its schedule.</summary>
public sealed record OptimizerOptions
{
    /// <summary>Epochs of the whole schedule.</summary>
    public int Epochs { get; init; } = 9;

    /// <summary>N, pairs a step.</summary>
    public int BatchSize { get; init; } = 64;

    /// <summary>Peak learning rate.</summary>
    public float LearningRate { get; init; } = 0.06f;

    /// <summary>Momentum of SGD.</summary>
    public float Momentum { get; init; } = 0.9f;

    /// <summary>Weight decay, added to the gradient of every parameter as in MoCo.</summary>
    public float WeightDecay { get; init; } = 5e-4f;

    /// <summary><c>cosine</c>, or <c>step</c> (a tenth at 60 % and again at 80 % of the epochs).</summary>
    public string Schedule { get; init; } = "cosine";

    /// <summary>Steps of linear warm-up.</summary>
    public int WarmupSteps { get; init; } = 100;
}

/// <summary>Seed, device, threads, checkpoints and evaluation while training.</summary>
public sealed record RunOptions
{
    /// <summary>Seed of everything random.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary><c>cpu</c>, <c>cuda</c>, <c>emulator</c>, or <c>auto</c>: CUDA where all of it is there, and else the CPU.</summary>
    public string Device { get; init; } = "auto";

    /// <summary>Number of the CUDA device.</summary>
    public int CudaDevice { get; init; }

    /// <summary>Whether a CUDA device replays steps as a CUDA graph.</summary>
    public bool CudaGraph { get; init; } = true;

    /// <summary><c>fp32</c>, <c>tf32</c> (CUDA), <c>bf16</c>, or <c>auto</c>: the default of the device.</summary>
    public string Precision { get; init; } = "auto";

    /// <summary>Threads of computation; 0: one a core.</summary>
    public int Threads { get; init; }

    /// <summary>Checkpoints to keep, the newest; 0 writes none.</summary>
    public int KeepCheckpoints { get; init; } = 2;

    /// <summary>Keep each M-th epoch's checkpoint for good; 0: none.</summary>
    public int KeepEveryEpochs { get; init; }

    /// <summary>Write a checkpoint each this many steps too; 0: at epoch ends only.</summary>
    public int CheckpointEverySteps { get; init; }

    /// <summary>Neighbours of the k-NN accuracy after each epoch; 0: none.</summary>
    public int KnnNeighbors { get; init; } = 200;

    /// <summary>Temperature of the k-NN vote.</summary>
    public float KnnTemperature { get; init; } = 0.07f;

    /// <summary>Training images in the k-NN bank; 0: all.</summary>
    public int KnnBank { get; init; } = 20000;

    /// <summary>Test images scored by k-NN; 0: all.</summary>
    public int KnnTest { get; init; } = 5000;
}
