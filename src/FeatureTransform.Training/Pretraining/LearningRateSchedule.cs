using FeatureTransform.Training.Options;

namespace FeatureTransform.Training.Pretraining;

/// <summary>
/// The learning rate of each step: linear warm-up to the peak, then half a cosine to zero (MoCo v2), or the peak with
/// a tenth of it from 60 % and a hundredth from 80 % of the epochs on (MoCo v1, scaled from 120 and 160 of 200).
/// </summary>
internal sealed class LearningRateSchedule(OptimizerOptions options, int stepsPerEpoch)
{
    private const double FirstDrop = 0.6, SecondDrop = 0.8;

    public float At(long step)
    {
        if (step < options.WarmupSteps)
        {
            return (float)(options.LearningRate * (step + 1) / options.WarmupSteps);
        }

        double progress = (double)step / ((long)options.Epochs * stepsPerEpoch);
        double epochs = Math.Floor((double)step / stepsPerEpoch) / options.Epochs;
        double share = options.Schedule switch
        {
            "cosine" => 0.5 * (1 + Math.Cos(Math.PI * progress)),
            "step" => epochs < FirstDrop ? 1 : epochs < SecondDrop ? 0.1 : 0.01,
            _ => throw new InvalidOperationException($"Unknown schedule '{options.Schedule}'."),
        };
        return (float)(options.LearningRate * share);
    }
}
