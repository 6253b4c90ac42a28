using FeatureTransform.Trainer.Commands;
using FeatureTransform.Training.Options;
using FeatureTransform.Training.Pretraining;
using Xunit;

namespace FeatureTransform.Trainer.Tests.Commands;

/// <summary>What a person reads at the end of a pretraining.</summary>
public sealed class PretrainOutcomeTests
{
    private static readonly PretrainResult Result = new("runs/a", true, 1234, 78.12, 31.2, 35.5, 82.06, 3723, 712.4, "FT both.");

    [Fact]
    public void A_finished_run_tells_what_it_reached()
    {
        Outcome outcome = PretrainCommand.Finish(new(new(), null, false), Result, quiet: false);
        Assert.Equal(0, outcome.ExitCode);
        Assert.Equal(
            [
                "Finished 1234 steps in 1:02:03, 712 pairs/s.",
                "k-NN top-1    78.1 %  (raw pixels 31.2 %, untrained encoder 35.5 %)",
                "linear top-1  82.1 %",
                "FT both.",
                "Run folder: runs/a",
            ],
            outcome.Text!.ReplaceLineEndings("\n").Split('\n'));
    }

    [Fact]
    public void A_stopped_run_tells_how_to_go_on_even_when_quiet()
    {
        Outcome outcome = PretrainCommand.Finish(new(new(), null, false), Result with { Finished = false, Folder = "my runs/a" }, quiet: true);
        Assert.Equal(130, outcome.ExitCode);
        Assert.EndsWith("--resume \"my runs/a\"", outcome.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_stopped_run_without_checkpoints_promises_none()
    {
        var options = new PretrainOptions { Run = new() { KeepCheckpoints = 0 } };
        Outcome outcome = PretrainCommand.Finish(new(options, null, false), Result with { Finished = false }, quiet: false);
        Assert.Equal(130, outcome.ExitCode);
        Assert.DoesNotContain("--resume", outcome.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_quiet_run_that_finishes_says_nothing() =>
        Assert.Null(PretrainCommand.Finish(new(new(), null, false), Result, quiet: true).Text);
}
