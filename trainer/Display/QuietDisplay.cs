using FeatureTransform.Training.Pretraining;

namespace FeatureTransform.Trainer.Display;

/// <summary>Nothing but messages, which are warnings.</summary>
internal sealed class QuietDisplay(TextWriter errors) : IDisplay
{
    public void Message(string text) => errors.WriteLine(text);

    public void Stage(string name, long done, long total)
    {
    }

    public void Started(int stepsPerEpoch, long firstStep, long totalSteps, string description)
    {
    }

    public void Step(in StepReport report, double pairsPerSecond)
    {
    }

    public void Epoch(EpochReport report)
    {
    }

    public void Restore()
    {
    }

    public void Dispose()
    {
    }
}
