using FeatureTransform.Trainer.Commands;
using FeatureTransform.Training;
using Xunit;

namespace FeatureTransform.Trainer.Tests.Commands;

/// <summary>Ranges of the options, through the command that a person gives.</summary>
public sealed class OptionValidationTests
{
    [Theory]
    [InlineData("--image-size", "7", "1025")]
    [InlineData("--train-limit", "-1")]
    [InlineData("--width", "0", "NaN", "9", "0.3")]
    [InlineData("--embedding", "7", "4097")]
    [InlineData("--tau", "0", "-1", "NaN", "Infinity", "1e99")]
    [InlineData("--queue-size", "1")]
    [InlineData("--momentum-encoder", "1", "-0.1", "NaN")]
    [InlineData("--bn-groups", "0")]
    [InlineData("--pos-alpha", "0.049", "100.1", "NaN")]
    [InlineData("--neg-alpha", "0.049", "100.1", "NaN")]
    [InlineData("--ft-begin-epoch", "-2")]
    [InlineData("--epochs", "0")]
    [InlineData("--batch", "1")]
    [InlineData("--lr", "0", "NaN", "-1", "Infinity")]
    [InlineData("--sgd-momentum", "1", "-0.1", "NaN")]
    [InlineData("--weight-decay", "-0.1", "NaN", "Infinity")]
    [InlineData("--warmup-steps", "-1")]
    [InlineData("--threads", "-1", "1025")]
    [InlineData("--keep-checkpoints", "-1")]
    [InlineData("--keep-every", "-1")]
    [InlineData("--checkpoint-every", "-1")]
    [InlineData("--knn-k", "-1")]
    [InlineData("--knn-t", "0", "NaN")]
    [InlineData("--knn-bank", "-1")]
    [InlineData("--knn-test", "-1")]
    public void Values_out_of_range_are_refused_by_name(string option, params string[] values)
    {
        foreach (string value in values)
        {
            string message = Refusal([option, value]);
            Assert.StartsWith($"{option} ", message, StringComparison.Ordinal);
            Assert.Contains(": expected ", message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', message);
        }
    }

    [Theory]
    [InlineData("--augmentation", "moco-v1 or moco-v2")]
    [InlineData("--arch", "resnet18, resnet34 or resnet50")]
    [InlineData("--stem", "cifar or standard")]
    [InlineData("--head", "linear or mlp")]
    [InlineData("--method", "moco-v1 or moco-v2")]
    [InlineData("--queue-type", "fp32 or bf16")]
    [InlineData("--ft", "none, pos, neg, both or both-dim")]
    [InlineData("--schedule", "cosine or step")]
    [InlineData("--device", "auto, cpu, cuda or emulator")]
    [InlineData("--precision", "auto, fp32, tf32 or bf16")]
    public void Unknown_names_are_refused_with_those_there_are(string option, string names) =>
        Assert.Equal($"{option} 'other': expected {names}.", Refusal([option, "other"]));

    [Theory]
    [InlineData("--queue-size 100 --batch 128", "--queue-size 100 is smaller than --batch 128")]
    [InlineData("--batch 128 --bn-groups 3", "--bn-groups 3 does not divide --batch 128")]
    [InlineData("--batch 128 --bn-groups 128", "--bn-groups 128 does not divide --batch 128")]
    [InlineData("--dump steps.safetensors", "--dump-steps and --dump")]
    public void Contradictions_are_refused(string given, string expected) =>
        Assert.StartsWith(expected, Refusal(given.Split(' ')), StringComparison.Ordinal);

    [Theory]
    [InlineData("--pos-alpha 0.05 --neg-alpha 100")]
    [InlineData("--momentum-encoder 0 --sgd-momentum 0 --weight-decay 0 --warmup-steps 0")]
    [InlineData("--epochs 1 --batch 2 --queue-size 2 --bn-groups 1 --embedding 8")]
    [InlineData("--batch 128 --bn-groups 64 --threads 0 --knn-k 0 --keep-checkpoints 0")]
    [InlineData("--dump-steps 2 --dump steps.safetensors --no-linear")]
    public void The_ends_of_the_ranges_are_accepted(string given)
    {
        var command = new PretrainCommand();
        Assert.NotNull(command.Request(command.Command.Parse(given)));
    }

    private static string Refusal(string[] given)
    {
        var command = new PretrainCommand();
        return Assert.Throws<InvalidInputException>(() => command.Request(command.Command.Parse(given))).Message;
    }
}
