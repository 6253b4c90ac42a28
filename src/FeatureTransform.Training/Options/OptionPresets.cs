using FeatureTransform.Native;
using FeatureTransform.Training.Data;

namespace FeatureTransform.Training.Options;

/// <summary>Named settings of the paper; each is a starting point that single options deviate from.</summary>
public static class OptionPresets
{
    /// <summary>Names of <see cref="WithTransform"/>.</summary>
    public static IReadOnlyList<string> Transforms { get; } = ["none", "pos", "neg", "both", "both-dim"];

    /// <summary>
    /// Images from this source. Images of one's own, in place of the synthetic set, bring size, batch and queue of a CIFAR run (32 px,
    /// 128, 1024); the synthetic set in place of them brings those of the built-in run, which ends in minutes (docs/results.md).
    /// </summary>
    public static PretrainOptions WithSource(this PretrainOptions options, string source)
    {
        bool builtIn = source == ImageSource.Synthetic, wasBuiltIn = options.Data.Source == ImageSource.Synthetic;
        options = options with { Data = options.Data with { Source = source } };
        if (builtIn == wasBuiltIn)
        {
            return options;
        }

        var run = new PretrainOptions(); // the built-in one
        (int size, int batch, int queue) = builtIn ? (run.Data.ImageSize, run.Optimizer.BatchSize, run.Method.QueueSize) : (32, 128, 1024);
        return options with
        {
            Data = options.Data with { ImageSize = size },
            Method = options.Method with { QueueSize = queue },
            Optimizer = options.Optimizer with { BatchSize = batch },
        };
    }

    /// <summary>
    /// The method with the temperature, head, augmentation and schedule that belong to it: MoCo v1 as published (tau 0.07,
    /// linear head, step schedule), or MoCo v2 (MLP head, cosine schedule) with the temperature of the built-in run.
    /// </summary>
    /// <exception cref="InvalidInputException">No such method.</exception>
    public static PretrainOptions WithMethod(this PretrainOptions options, string name)
    {
        (float tau, string head, string augmentation, string schedule) = name switch
        {
            "moco-v1" => (0.07f, "linear", "moco-v1", "step"),
            "moco-v2" => (new MethodOptions().Tau, "mlp", "moco-v2", "cosine"),
            _ => throw new InvalidInputException($"--method '{name}': expected {OptionNames.List(OptionNames.Methods)}."),
        };
        return options with
        {
            Method = options.Method with { Name = name, Tau = tau },
            Model = options.Model with { Head = head },
            Data = options.Data with { Augmentation = augmentation },
            Optimizer = options.Optimizer with { Schedule = schedule },
        };
    }

    /// <summary>
    /// The paper's settings <c>none</c>, <c>pos</c>, <c>neg</c>, <c>both</c> (one lambda a step for each side) and
    /// <c>both-dim</c> (one lambda an element). Alphas and begin epoch stay as they are.
    /// </summary>
    /// <exception cref="InvalidInputException">No such setting.</exception>
    public static TransformOptions WithTransform(this TransformOptions options, string name)
    {
        const PositiveTransform extrapolation = PositiveTransform.Extrapolation;
        const NegativeTransform replace = NegativeTransform.Replace;
        (PositiveTransform positive, NegativeTransform negative, LambdaScope scope) = name switch
        {
            "none" => (PositiveTransform.None, NegativeTransform.None, LambdaScope.Batch),
            "pos" => (extrapolation, NegativeTransform.None, LambdaScope.Batch),
            "neg" => (PositiveTransform.None, replace, LambdaScope.Batch),
            "both" => (extrapolation, replace, LambdaScope.Batch),
            "both-dim" => (extrapolation, replace, LambdaScope.Element),
            _ => throw new InvalidInputException($"--ft '{name}': expected {OptionNames.List(Transforms)}."),
        };
        return options with
        {
            Positive = positive,
            PositiveScope = scope,
            PositiveNormalize = false,
            Negative = negative,
            NegativeScope = scope,
            NegativeNormalize = false,
        };
    }
}
