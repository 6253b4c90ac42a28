using FeatureTransform.Training.Pretraining;

namespace FeatureTransform.Trainer.Display;

/// <summary>Lines for a file or a pipe: each epoch, each stage, and in between where the last line is some seconds old.</summary>
internal sealed class PlainDisplay(TextWriter output, TimeProvider clock) : IDisplay
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);
    private readonly Lock gate = new();
    private readonly ProgressState state = new(clock);
    private long lastLine = clock.GetTimestamp();

    public PlainDisplay(TextWriter output)
        : this(output, TimeProvider.System)
    {
    }

    public void Message(string text) => Write(text);

    public void Stage(string name, long done, long total)
    {
        if (state.Stage(name, done, total) || Due())
        {
            Write(done == 0 ? $"{name} ..." : $"{name}: {Format.Count(done)} of {Format.Count(total)}");
        }
    }

    public void Started(int stepsPerEpoch, long firstStep, long totalSteps, string description)
    {
        state.Started(stepsPerEpoch, firstStep, totalSteps, description);
        string from = firstStep > 0 ? $", going on from step {Format.Count(firstStep)}" : "";
        Write($"{description}\n{Format.Count(totalSteps)} steps, {Format.Count(stepsPerEpoch)} an epoch{from}");
    }

    public void Step(in StepReport report, double pairsPerSecond)
    {
        state.Step(report, pairsPerSecond);
        if (!Due())
        {
            return;
        }

        ProgressSnapshot now = state.Read();
        Write(
            $"epoch {report.Epoch + 1}/{now.Epochs}  step {now.Done}/{now.Total}  loss {Format.Fixed(report.Loss, 4)}  " +
            $"positive {Format.Fixed(report.PositiveScore, 3)}  negative {Format.Fixed(report.NegativeScore, 3)}  " +
            $"top-1 {Format.Percent(report.Top1)}  lr {Format.Rate(report.LearningRate)}  " +
            $"{Format.Count(pairsPerSecond)} pairs/s  {Format.Duration(now.SecondsLeft ?? 0)} left");
    }

    public void Epoch(EpochReport report)
    {
        state.Epoch(report);
        string knn = report.KnnTop1 is { } top1 ? $"  k-NN {Format.Fixed(top1, 1)} %" : "";
        Write(
            $"epoch {report.Epoch + 1}/{state.Read().Epochs}  loss {Format.Fixed(report.Loss, 4)}  " +
            $"positive {Format.Fixed(report.PositiveScore, 3)}  negative {Format.Fixed(report.NegativeScore, 3)}  " +
            $"top-1 {Format.Percent(report.Top1)}{knn}  {Format.Duration(report.Seconds)}");
    }

    public void Restore()
    {
    }

    public void Dispose()
    {
    }

    private bool Due()
    {
        lock (gate)
        {
            return clock.GetElapsedTime(lastLine) >= Interval;
        }
    }

    private void Write(string text)
    {
        lock (gate)
        {
            lastLine = clock.GetTimestamp();
            output.WriteLine(text);
        }
    }
}
