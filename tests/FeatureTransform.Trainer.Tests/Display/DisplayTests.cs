using FeatureTransform.Trainer.Display;
using FeatureTransform.Training.Pretraining;
using Spectre.Console;
using Xunit;

namespace FeatureTransform.Trainer.Tests.Display;

/// <summary>What the displays write.</summary>
public sealed class DisplayTests
{
    private static readonly StepReport Report = new(
        Epoch: 2, Step: 149, Loss: 6.41234f, PositiveScore: 0.8127f, NegativeScore: -0.0127f, NegativeVariance: 0.1f,
        PositiveExp: 1, NegativeExp: 1, Top1: 0.431f, Top5: 0.61f, LearningRate: 1.2345e-5f, Transformed: true);

    [Theory]
    [InlineData(76)]
    [InlineData(116)]
    public void The_picture_fits_the_terminal_and_shows_every_value(int width)
    {
        var clock = new FakeClock();
        var state = new ProgressState(clock);
        state.Started(50, 100, 1000, "resnet18, synthetic, cpu");
        clock.Advance(TimeSpan.FromSeconds(10));
        state.Step(Report, 712.3);
        for (int epoch = 0; epoch < 12; epoch++)
        {
            state.Epoch(Ended(epoch, 40.5f + epoch));
        }

        string[] lines = Draw(state.Read(), width);
        Assert.All(lines, line => Assert.True(line.Length <= width, line));
        string text = string.Join('\n', lines);

        // 50 steps took 10 s, 850 are left: 170 s.
        string[] expected =
        [
            "resnet18, synthetic, cpu", "epoch 3/20", " 15 %", "step 150 of 1,000", "712 pairs/s, 2:50 left", "6.4123", "0.813",
            "-0.013", "43.1 %", "61.0 %", "1.23E-05", "epoch 12 51.5 %", "transformation on",
        ];
        Assert.All(expected, part => Assert.Contains(part, text, StringComparison.Ordinal));
    }

    [Fact]
    public void A_stage_is_shown_before_and_during_training()
    {
        var state = new ProgressState(new FakeClock());
        state.Stage("decoding", 1500, 6000);
        Assert.Contains(" 25 %  1,500 of 6,000", Assert.Single(Draw(state.Read(), 76)), StringComparison.Ordinal);

        state.Started(50, 0, 1000, "run");
        state.Step(Report, 700);
        state.Stage("k-NN", 0, 0);
        Assert.Contains("  0 %  0 of 0", string.Join('\n', Draw(state.Read(), 76)), StringComparison.Ordinal);
        state.Step(Report, 700);
        Assert.DoesNotContain("0 of 0", string.Join('\n', Draw(state.Read(), 76)), StringComparison.Ordinal);
    }

    [Fact]
    public void Plain_lines_come_at_epochs_and_every_ten_seconds()
    {
        var clock = new FakeClock();
        var output = new StringWriter { NewLine = "\n" };
        using var display = new PlainDisplay(output, clock);
        display.Started(50, 0, 1000, "run");
        display.Step(Report, 700);
        clock.Advance(TimeSpan.FromSeconds(9));
        display.Step(Report, 700);
        clock.Advance(TimeSpan.FromSeconds(1));
        display.Step(Report, 700);
        display.Epoch(Ended(2, 51.27f));
        string[] lines = TrainerProcess.Lines(output.ToString());
        Assert.Equal(4, lines.Length);
        Assert.Equal("1,000 steps, 50 an epoch", lines[1]);
        Assert.StartsWith("epoch 3/20  step 150/1000  loss 6.4123", lines[2], StringComparison.Ordinal);
        Assert.Contains("k-NN 51.3 %", lines[3], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "0:00")]
    [InlineData(59.6, "1:00")]
    [InlineData(3599, "59:59")]
    [InlineData(90061, "25:01:01")]
    [InlineData(1e30, "2400:00:00")]
    public void Durations_read_as_a_clock(double seconds, string expected) => Assert.Equal(expected, Format.Duration(seconds));

    private static EpochReport Ended(int epoch, float knn) => new()
    {
        Epoch = epoch,
        Steps = 50 * (epoch + 1),
        Loss = 6,
        PositiveScore = 0.8f,
        NegativeScore = 0,
        Top1 = 0.4f,
        Top5 = 0.6f,
        LearningRate = 0.01f,
        KnnTop1 = knn,
        Seconds = 12,
        DataWait = 0,
    };

    private static string[] Draw(ProgressSnapshot now, int width)
    {
        var output = new StringWriter();
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.No,
            ColorSystem = ColorSystemSupport.NoColors,
            Out = new AnsiConsoleOutput(output),
        });
        console.Profile.Width = width;
        console.Write(LiveView.Render(now, width, unicode: true));
        return [.. TrainerProcess.Lines(output.ToString().ReplaceLineEndings("\n")).Select(line => line.TrimEnd())];
    }

    private sealed class FakeClock : TimeProvider
    {
        private long now = 1;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => now;

        public void Advance(TimeSpan time) => now += time.Ticks;
    }
}
