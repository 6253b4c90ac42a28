using System.CommandLine;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Trainer.Commands;

/// <summary>The options of <see cref="PretrainOptions"/>, section by section, and the named settings of the paper.</summary>
internal sealed class PretrainOptionTable
{
    private static readonly PretrainOptions Defaults = new();
    private readonly OptionTable<DataOptions> data = DataTable();
    private readonly OptionTable<ModelOptions> model = ModelTable();
    private readonly OptionTable<MethodOptions> method = new(Defaults.Method);
    private readonly OptionTable<TransformOptions> transform = TransformTable();
    private readonly OptionTable<OptimizerOptions> optimizer = OptimizerTable();
    private readonly OptionTable<RunOptions> run = RunTable();
    private readonly Option<string> methodName;

    private readonly Option<string?> transformName = new("--ft")
    {
        Description = "Feature transformation as the paper names it; single options below deviate from it: positive extrapolation, " +
            $"negative interpolation, both with one lambda a step, or both with one an element. [default: {DefaultTransform}]",
        HelpName = string.Join('|', OptionPresets.Transforms),
    };

    public PretrainOptionTable()
    {
        methodName = method.AddName(
            "--method", "Contrastive method; brings its temperature, head, augmentation and schedule where those are not given.",
            OptionNames.Methods, o => o.Name, (o, v) => o with { Name = v });
        method.Add("--tau", "Temperature; moco-v1: 0.07.", o => o.Tau, (o, v) => o with { Tau = v });
        method.Add(
            "--queue-size", "K, rows of the queue of negatives; images of your own: 1024.",
            o => o.QueueSize, (o, v) => o with { QueueSize = v }, "-K");
        method.AddName(
            "--queue-type", "Storage of the queue.", OptionNames.QueueTypes, o => o.QueueType, (o, v) => o with { QueueType = v });
        method.Add(
            "--momentum-encoder", "m, momentum of the key encoder.",
            o => o.EncoderMomentum, (o, v) => o with { EncoderMomentum = v }, "--m");
        method.Add(
            "--bn-groups", "Groups of shuffle-BN; 1: plain batch normalisation.",
            o => o.BatchNormGroups, (o, v) => o with { BatchNormGroups = v });
    }

    public void AddTo(Command command)
    {
        data.AddTo(command);
        model.AddTo(command);
        method.AddTo(command);
        command.Options.Add(transformName);
        transform.AddTo(command);
        optimizer.AddTo(command);
        run.AddTo(command);
    }

    /// <summary>
    /// What was given over what stands in <paramref name="options"/>: first a change of images or method with all it brings, then the
    /// paper's setting, then single options.
    /// </summary>
    public PretrainOptions Apply(ParseResult parse, PretrainOptions options)
    {
        options = options.WithSource(data.Apply(parse, options.Data).Source);
        if (OptionParsing.Given(parse, methodName) && parse.GetRequiredValue(methodName) is { } name && name != options.Method.Name)
        {
            options = options.WithMethod(name);
        }

        if (parse.GetValue(transformName) is { } setting)
        {
            options = options with { Transform = options.Transform.WithTransform(setting) };
        }

        return options with
        {
            Data = data.Apply(parse, options.Data),
            Model = model.Apply(parse, options.Model),
            Method = method.Apply(parse, options.Method),
            Transform = transform.Apply(parse, options.Transform),
            Optimizer = optimizer.Apply(parse, options.Optimizer),
            Run = run.Apply(parse, options.Run),
        };
    }

    /// <summary>The options of the default run, section by section.</summary>
    public IEnumerable<IEnumerable<string>> DefaultOptions() =>
        [data.Defaults, model.Defaults, method.Defaults, transform.Defaults, optimizer.Defaults, run.Defaults];

    private static string DefaultTransform =>
        OptionPresets.Transforms.FirstOrDefault(n => Defaults.Transform.WithTransform(n) == Defaults.Transform) ?? "single options";

    /// <summary>Options of the images, shared with the evaluation commands.</summary>
    public static OptionTable<DataOptions> DataTable()
    {
        var table = new OptionTable<DataOptions>(Defaults.Data);
        table.Add(
            "--data", "Images: 'synthetic' (made in memory), a folder (root/train/<class>/..., or images alone), a .tar or .tar.gz " +
            "of one, or a folder of CIFAR-10/100 or STL-10 binaries.", o => o.Source, (o, v) => o with { Source = v });
        table.Add(
            "--classes", "A text file with one class name a line; only those classes are used.",
            o => o.ClassList ?? "", (o, v) => o with { ClassList = v });
        table.Add("--image-size", "Side of a training crop in pixels; images of your own: 32.", o => o.ImageSize, (o, v) => o with { ImageSize = v });
        table.Add(
            "--train-limit", "Use at most this many training images; 0: all.", o => o.TrainLimit, (o, v) => o with { TrainLimit = v });
        table.AddName(
            "--augmentation", "Augmentation recipe.", OptionNames.Augmentations,
            o => o.Augmentation, (o, v) => o with { Augmentation = v });
        return table;
    }

    /// <summary>Seed, device and threads, shared with the evaluation commands.</summary>
    public static void AddMachine(OptionTable<RunOptions> table)
    {
        table.Add("--seed", "Seed of everything random.", o => o.Seed, (o, v) => o with { Seed = v });
        table.AddName(
            "--device", "Where to compute; auto: CUDA where a device and its libraries are there, else the CPU; emulator: CUDA without " +
            "a device, with every check and very slowly.", OptionNames.Devices, o => o.Device, (o, v) => o with { Device = v });
        table.Add("--cuda-device", "Number of the CUDA device.", o => o.CudaDevice, (o, v) => o with { CudaDevice = v });
        table.AddName(
            "--precision", "Precision of convolutions and linear layers; tf32: on CUDA; auto: the default of the device.", OptionNames.Precisions,
            o => o.Precision, (o, v) => o with { Precision = v });
        table.Add("--threads", "Threads of computation; 0: one a core.", o => o.Threads, (o, v) => o with { Threads = v });
    }

    /// <summary>Options of k-NN, shared with its command.</summary>
    public static void AddKnn(OptionTable<RunOptions> table)
    {
        table.Add(
            "--knn-k", "Neighbours of the k-NN accuracy; 0: none is measured.",
            o => o.KnnNeighbors, (o, v) => o with { KnnNeighbors = v });
        table.Add("--knn-t", "Temperature of the k-NN vote.", o => o.KnnTemperature, (o, v) => o with { KnnTemperature = v });
        table.Add("--knn-bank", "Training images in the k-NN bank; 0: all.", o => o.KnnBank, (o, v) => o with { KnnBank = v });
        table.Add("--knn-test", "Test images scored by k-NN; 0: all.", o => o.KnnTest, (o, v) => o with { KnnTest = v });
    }

    private static OptionTable<ModelOptions> ModelTable()
    {
        var table = new OptionTable<ModelOptions>(Defaults.Model);
        table.AddName("--arch", "Encoder.", OptionNames.Architectures, o => o.Architecture, (o, v) => o with { Architecture = v });
        table.AddName(
            "--stem", "First layers: cifar (3x3, stride 1) for small images, standard (7x7, stride 2, max pool) for large ones.",
            OptionNames.Stems, o => o.Stem, (o, v) => o with { Stem = v });
        table.Add("--width", "Multiplier of every layer's width.", o => o.Width, (o, v) => o with { Width = v });
        table.AddName(
            "--head", "Projection head; moco-v1: linear.", OptionNames.Heads, o => o.Head, (o, v) => o with { Head = v });
        table.Add("--embedding", "C, width of the embedding.", o => o.EmbeddingSize, (o, v) => o with { EmbeddingSize = v });
        return table;
    }

    private static OptionTable<TransformOptions> TransformTable()
    {
        var table = new OptionTable<TransformOptions>(Defaults.Transform);
        table.AddEnum(
            "--pos", "Transformation of the positive pairs.", OptionNames.PositiveTransforms,
            o => o.Positive, (o, v) => o with { Positive = v });
        table.Add(
            "--pos-alpha", "a of the positives' Beta(a, a), 0.05 to 100.",
            o => o.PositiveAlpha, (o, v) => o with { PositiveAlpha = v });
        table.AddEnum(
            "--pos-scope", "What shares one lambda of the positives.", OptionNames.Scopes,
            o => o.PositiveScope, (o, v) => o with { PositiveScope = v });
        table.AddSwitch(
            "--pos-normalize", "Normalise the mixed positives again.",
            o => o.PositiveNormalize, (o, v) => o with { PositiveNormalize = v });
        table.AddEnum(
            "--neg", "Transformation of the queue: replace it (K negatives) or extend it (2K).", OptionNames.NegativeTransforms,
            o => o.Negative, (o, v) => o with { Negative = v }, "--neg-queue");
        table.Add(
            "--neg-alpha", "a of the negatives' Beta(a, a), 0.05 to 100.",
            o => o.NegativeAlpha, (o, v) => o with { NegativeAlpha = v });
        table.AddEnum(
            "--neg-scope", "What shares one lambda of the negatives.", OptionNames.Scopes,
            o => o.NegativeScope, (o, v) => o with { NegativeScope = v });
        table.AddSwitch(
            "--neg-normalize", "Normalise the mixed queue rows again.",
            o => o.NegativeNormalize, (o, v) => o with { NegativeNormalize = v });
        table.Add(
            "--ft-begin-epoch",
            $"First epoch, from 0, with the transformation; {TransformOptions.Automatic}: the first after {TransformOptions.SettlingSteps} steps.",
            o => o.BeginEpoch, (o, v) => o with { BeginEpoch = v });
        return table;
    }

    private static OptionTable<OptimizerOptions> OptimizerTable()
    {
        var table = new OptionTable<OptimizerOptions>(Defaults.Optimizer);
        table.Add("--epochs", "Epochs of the whole schedule.", o => o.Epochs, (o, v) => o with { Epochs = v });
        table.Add("--batch", "N, pairs a step; images of your own: 128.", o => o.BatchSize, (o, v) => o with { BatchSize = v });
        table.Add("--lr", "Peak learning rate.", o => o.LearningRate, (o, v) => o with { LearningRate = v });
        table.Add("--sgd-momentum", "Momentum of SGD.", o => o.Momentum, (o, v) => o with { Momentum = v });
        table.Add("--weight-decay", "Weight decay.", o => o.WeightDecay, (o, v) => o with { WeightDecay = v });
        table.AddName(
            "--schedule", "Learning rate: cosine, or step (a tenth at 60 % and again at 80 % of the epochs); moco-v1: step.",
            OptionNames.Schedules, o => o.Schedule, (o, v) => o with { Schedule = v });
        table.Add("--warmup-steps", "Steps of linear warm-up.", o => o.WarmupSteps, (o, v) => o with { WarmupSteps = v });
        return table;
    }

    private static OptionTable<RunOptions> RunTable()
    {
        var table = new OptionTable<RunOptions>(Defaults.Run);
        AddMachine(table);
        table.AddSwitch(
            "--cuda-graph", "Replay training steps on CUDA as a CUDA graph: one launch a step; else each operation is launched.",
            o => o.CudaGraph, (o, v) => o with { CudaGraph = v });
        table.Add(
            "--keep-checkpoints", "Newest checkpoints to keep; 0: none is written.",
            o => o.KeepCheckpoints, (o, v) => o with { KeepCheckpoints = v });
        table.Add(
            "--keep-every", "Keep each M-th epoch's checkpoint for good; 0: none.",
            o => o.KeepEveryEpochs, (o, v) => o with { KeepEveryEpochs = v });
        table.Add(
            "--checkpoint-every", "Write a checkpoint each this many steps too; 0: at epoch ends only.",
            o => o.CheckpointEverySteps, (o, v) => o with { CheckpointEverySteps = v });
        AddKnn(table);
        return table;
    }
}
