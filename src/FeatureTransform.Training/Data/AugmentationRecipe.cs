namespace FeatureTransform.Training.Data;

/// <summary>
/// What is done to an image to make a view of it, with torchvision's meaning of every parameter: random resized crop, colour
/// jitter, grayscale, Gaussian blur, solarise and horizontal flip. A probability of 0 leaves an operation out.
/// </summary>
internal sealed record AugmentationRecipe
{
    private const string V1 = "moco-v1", V2 = "moco-v2";

    // Blurring images this small would wipe out what tells them apart (as in the recipes for CIFAR).
    private const int LargestSizeWithoutBlur = 32;

    /// <summary>Smallest and largest share of the image's area that a crop covers.</summary>
    public (double Min, double Max) CropArea { get; init; } = (0.2, 1);

    /// <summary>Smallest and largest width / height of a crop; log-uniform between them.</summary>
    public (double Min, double Max) CropRatio { get; init; } = (3.0 / 4, 4.0 / 3);

    /// <summary>Probability of the colour jitter.</summary>
    public double JitterProbability { get; init; }

    /// <summary>b: the brightness factor is uniform in [max(0, 1 - b), 1 + b].</summary>
    public double Brightness { get; init; }

    /// <summary>c: the contrast factor is uniform in [max(0, 1 - c), 1 + c].</summary>
    public double Contrast { get; init; }

    /// <summary>s: the saturation factor is uniform in [max(0, 1 - s), 1 + s].</summary>
    public double Saturation { get; init; }

    /// <summary>h: the shift of hue is uniform in [-h, h], in turns of the colour circle; at most 0.5.</summary>
    public double Hue { get; init; }

    /// <summary>Probability of grayscale.</summary>
    public double GrayscaleProbability { get; init; }

    /// <summary>Whether grayscale comes before the colour jitter instead of after it.</summary>
    public bool GrayscaleFirst { get; init; }

    /// <summary>Probability of the blur.</summary>
    public double BlurProbability { get; init; }

    /// <summary>Smallest and largest standard deviation of the blur in pixels; uniform between them.</summary>
    public (double Min, double Max) BlurSigma { get; init; } = (0.1, 2);

    /// <summary>Probability of solarise.</summary>
    public double SolariseProbability { get; init; }

    /// <summary>Values in [0, 1] from here on are inverted by solarise.</summary>
    public double SolariseThreshold { get; init; } = 0.5;

    /// <summary>Probability of the horizontal flip.</summary>
    public double FlipProbability { get; init; } = 0.5;

    /// <summary>Crop and flip alone, as the linear classifier of MoCo's ImageNet protocol is trained on.</summary>
    public static AugmentationRecipe CropAndFlip { get; } = new() { CropArea = (0.08, 1) };

    /// <summary>
    /// A published recipe: <c>moco-v1</c> (He et al., "Momentum Contrast", CVPR 2020) or <c>moco-v2</c> (Chen et al., "Improved
    /// Baselines with Momentum Contrastive Learning", 2020; without its blur for images of at most 32 px).
    /// </summary>
    /// <exception cref="InvalidInputException">There is no such recipe.</exception>
    public static AugmentationRecipe Named(string name, int imageSize) => name switch
    {
        V1 => new AugmentationRecipe
        {
            GrayscaleProbability = 0.2,
            GrayscaleFirst = true,
            JitterProbability = 1,
            Brightness = 0.4,
            Contrast = 0.4,
            Saturation = 0.4,
            Hue = 0.4,
        },
        V2 => new AugmentationRecipe
        {
            JitterProbability = 0.8,
            Brightness = 0.4,
            Contrast = 0.4,
            Saturation = 0.4,
            Hue = 0.1,
            GrayscaleProbability = 0.2,
            BlurProbability = imageSize <= LargestSizeWithoutBlur ? 0 : 0.5,
        },
        _ => throw new InvalidInputException($"There is no augmentation '{name}'; choose {V1} or {V2}."),
    };
}
