using System.CommandLine;
using System.Reflection;
using FeatureTransform.Native;
using FeatureTransform.Trainer.Commands;
using FeatureTransform.Training.Options;
using Xunit;

namespace FeatureTransform.Trainer.Tests.Commands;

/// <summary>From the words of a command line to <see cref="PretrainOptions"/>.</summary>
public sealed class PretrainOptionsTests
{
    private static readonly PretrainOptions Everything = new()
    {
        Data = new() { Source = "images.tar", ClassList = "list.txt", ImageSize = 48, TrainLimit = 7, Augmentation = "moco-v1" },
        Model = new() { Architecture = "resnet50", Stem = "standard", Width = 0.5f, Head = "linear", EmbeddingSize = 65 },
        Method = new()
        {
            Name = "moco-v1",
            Tau = 0.3f,
            QueueSize = 999,
            QueueType = "bf16",
            EncoderMomentum = 0.75f,
            BatchNormGroups = 3,
        },
        Transform = new()
        {
            Positive = PositiveTransform.Interpolation,
            PositiveAlpha = 0.4f,
            PositiveScope = LambdaScope.Row,
            PositiveNormalize = true,
            Negative = NegativeTransform.Extend,
            NegativeAlpha = 5,
            NegativeScope = LambdaScope.Element,
            NegativeNormalize = true,
            BeginEpoch = 30,
        },
        Optimizer = new()
        {
            Epochs = 201,
            BatchSize = 33,
            LearningRate = 0.5f,
            Momentum = 0.8f,
            WeightDecay = 0.25f,
            Schedule = "step",
            WarmupSteps = 11,
        },
        Run = new()
        {
            Seed = ulong.MaxValue,
            Device = "cpu",
            CudaDevice = 3,
            Precision = "bf16",
            Threads = 17,
            CudaGraph = false,
            KeepCheckpoints = 21,
            KeepEveryEpochs = 22,
            CheckpointEverySteps = 23,
            KnnNeighbors = 24,
            KnnTemperature = 0.2f,
            KnnBank = 26,
            KnnTest = 27,
        },
    };

    private const string EverythingGiven =
        "--data images.tar --classes list.txt --image-size 48 --train-limit 7 --augmentation moco-v1 --arch resnet50 " +
        "--stem standard --width 0.5 --head linear --embedding 65 --method moco-v1 --tau 0.3 -K 999 --queue-type bf16 --m 0.75 " +
        "--bn-groups 3 --pos interpolate --pos-alpha 0.4 --pos-scope row --pos-normalize --neg-queue extend --neg-alpha 5 " +
        "--neg-scope element --neg-normalize true --ft-begin-epoch 30 --epochs 201 --batch 33 --lr 0.5 --sgd-momentum 0.8 " +
        "--weight-decay 0.25 --schedule step --warmup-steps 11 --seed 18446744073709551615 --device cpu --cuda-device 3 --precision bf16 " +
        "--cuda-graph false --threads 17 --keep-checkpoints 21 --keep-every 22 --checkpoint-every 23 --knn-k 24 --knn-t 0.2 --knn-bank 26 " +
        "--knn-test 27";

    [Fact]
    public void Nothing_given_is_the_default_run() => Assert.Equal(new PretrainOptions(), Parse("", new()));

    [Fact]
    public void Every_option_reaches_its_field() => Assert.Equal(Everything, Parse(EverythingGiven, new()));

    [Fact]
    public void Every_field_has_an_option()
    {
        // Otherwise the test above would not see a field that no option sets.
        var defaults = new PretrainOptions();
        foreach (PropertyInfo section in typeof(PretrainOptions).GetProperties())
        {
            foreach (PropertyInfo field in section.PropertyType.GetProperties())
            {
                Assert.NotEqual(field.GetValue(section.GetValue(defaults)), field.GetValue(section.GetValue(Everything)));
            }
        }
    }

    [Theory]
    [InlineData("none", PositiveTransform.None, NegativeTransform.None, LambdaScope.Batch)]
    [InlineData("pos", PositiveTransform.Extrapolation, NegativeTransform.None, LambdaScope.Batch)]
    [InlineData("neg", PositiveTransform.None, NegativeTransform.Replace, LambdaScope.Batch)]
    [InlineData("both", PositiveTransform.Extrapolation, NegativeTransform.Replace, LambdaScope.Batch)]
    [InlineData("both-dim", PositiveTransform.Extrapolation, NegativeTransform.Replace, LambdaScope.Element)]
    public void The_papers_settings_set_both_sides(string name, PositiveTransform positive, NegativeTransform negative, LambdaScope scope)
    {
        TransformOptions transform = Parse($"--ft {name}", Everything).Transform;
        Assert.Equal(
            Everything.Transform with
            {
                Positive = positive,
                PositiveScope = scope,
                PositiveNormalize = false,
                Negative = negative,
                NegativeScope = scope,
                NegativeNormalize = false,
            },
            transform);
    }

    [Fact]
    public void Single_options_deviate_from_a_setting_wherever_they_stand()
    {
        TransformOptions transform = Parse("--neg-queue extend --pos-scope row --ft both-dim", new()).Transform;
        Assert.Equal(
            (NegativeTransform.Extend, LambdaScope.Row, LambdaScope.Element),
            (transform.Negative, transform.PositiveScope, transform.NegativeScope));
    }

    [Theory]
    [InlineData("--data photos", 32, 128, 1024)]
    [InlineData("--data photos --image-size 64 -K 512", 64, 128, 512)]
    [InlineData("--data synthetic --batch 16", 24, 16, 256)]
    public void Images_of_ones_own_bring_what_suits_them(string given, int size, int batch, int queue)
    {
        PretrainOptions options = Parse(given, new());
        Assert.Equal((size, batch, queue), (options.Data.ImageSize, options.Optimizer.BatchSize, options.Method.QueueSize));
    }

    [Fact]
    public void Other_images_leave_the_sizes_of_a_config_and_the_synthetic_set_brings_its_own()
    {
        Assert.Equal(Everything with { Data = Everything.Data with { Source = "photos" } }, Parse("--data photos", Everything));
        PretrainOptions options = Parse("--data synthetic", Everything);
        Assert.Equal((24, 64, 256), (options.Data.ImageSize, options.Optimizer.BatchSize, options.Method.QueueSize));
    }

    [Fact]
    public void Moco_v1_brings_what_belongs_to_it()
    {
        PretrainOptions options = Parse("--method moco-v1", new());
        Assert.Equal(
            (0.07f, "linear", "moco-v1", "step"),
            (options.Method.Tau, options.Model.Head, options.Data.Augmentation, options.Optimizer.Schedule));
    }

    [Fact]
    public void What_is_given_beats_what_the_method_brings()
    {
        PretrainOptions options = Parse("--tau 0.2 --method moco-v1 --head mlp", new());
        Assert.Equal(
            (0.2f, "mlp", "moco-v1", "step"),
            (options.Method.Tau, options.Model.Head, options.Data.Augmentation, options.Optimizer.Schedule));
    }

    [Fact]
    public void What_is_given_beats_the_config_and_leaves_the_rest_of_it()
    {
        PretrainOptions options = Parse("--method moco-v1 --epochs 5 --pos-normalize false", Everything);
        Assert.Equal(
            Everything with
            {
                Optimizer = Everything.Optimizer with { Epochs = 5 },
                Transform = Everything.Transform with { PositiveNormalize = false },
            },
            options);
    }

    [Theory]
    [InlineData("--resume run --out other")]
    [InlineData("--resume run --config run.json")]
    public void A_resumed_run_has_its_folder_and_config(string given)
    {
        var command = new PretrainCommand();
        var error = Assert.Throws<Training.InvalidInputException>(() => command.Request(command.Command.Parse(given)));
        Assert.StartsWith("--resume ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void No_command_means_pretrain()
    {
        Assert.Equal("pretrain", CommandLine.Parse([]).CommandResult.Command.Name);
        Assert.Equal("pretrain", CommandLine.Parse(["--epochs", "3"]).CommandResult.Command.Name);
        Assert.Equal("info", CommandLine.Parse(["info"]).CommandResult.Command.Name);
    }

    private static PretrainOptions Parse(string given, PretrainOptions options)
    {
        var table = new PretrainOptionTable();
        var command = new Command("pretrain");
        table.AddTo(command);
        ParseResult parse = command.Parse(given);
        Assert.Empty(parse.Errors);
        return table.Apply(parse, options);
    }
}
