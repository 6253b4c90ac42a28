using FeatureTransform.Training.Pretraining;

namespace FeatureTransform.Training.Tests.Pretraining;

/// <summary>Watches nothing.</summary>
internal sealed class SilentProgress : IPretrainProgress
{
    public void Started(int stepsPerEpoch, long firstStep, long totalSteps, string description)
    {
    }

    public void Step(in StepReport report, double pairsPerSecond)
    {
    }

    public void Epoch(EpochReport report)
    {
    }

    public void Message(string text)
    {
    }

    public void Stage(string name, long done, long total)
    {
    }
}
