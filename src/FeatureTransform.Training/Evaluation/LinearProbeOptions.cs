namespace FeatureTransform.Training.Evaluation;

/// <summary>
/// How a linear classifier is trained on frozen features: SGD with momentum 0.9 and no weight decay, the learning rate
/// divided by 10 after 60 and again after 80 % of the epochs, as in MoCo (He et al., CVPR 2020, section 4.1).
/// </summary>
public sealed record LinearProbeOptions
{
    /// <summary>The protocol of MoCo for ImageNet: random crops and flips anew each epoch, lr 30, features as they are.</summary>
    public static LinearProbeOptions ImageNet { get; } = new() { LearningRates = [30], Standardize = false, Augment = true };

    /// <summary>
    /// Learning rates to choose from on the held-out images; of equally good ones the first is taken. With a single one
    /// nothing is held out.
    /// </summary>
    public IReadOnlyList<float> LearningRates { get; init; } = [0.003f, 0.01f, 0.03f, 0.1f];

    /// <summary>
    /// Give each channel mean 0 and variance 1 over the images trained on, as a batch normalisation without weights would: then
    /// the same learning rates suit every encoder.
    /// </summary>
    public bool Standardize { get; init; } = true;

    /// <summary>
    /// Train on a random crop and flip of each image, anew each epoch, which costs a forward pass of the encoder over all images
    /// an epoch; false: on the images as they are, whose features are computed once.
    /// </summary>
    public bool Augment { get; init; }

    /// <summary>Share of the training images held out while the learning rate is chosen.</summary>
    public double HeldOut { get; init; } = 0.1;

    /// <summary>Epochs of each training.</summary>
    public int Epochs { get; init; } = 100;

    /// <summary>Images a step.</summary>
    public int BatchSize { get; init; } = 256;

    /// <summary>Seed of the held-out images, of the order of each epoch and of its crops and flips.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Threads; 0: one a core. Changes no bit.</summary>
    public int Threads { get; init; }
}

/// <summary>Accuracy of a linear classifier on frozen features.</summary>
/// <param name="Top1">Test images whose class has the largest logit, in percent.</param>
/// <param name="Top5">Test images whose class is among the five largest, in percent.</param>
/// <param name="LearningRate">The learning rate chosen.</param>
/// <param name="HeldOutTop1">Its accuracy on the held-out images, in percent; null where there was no choice.</param>
/// <param name="Train">Images trained on.</param>
/// <param name="Test">Images tested on.</param>
/// <param name="Confusion">Test images by true and predicted class.</param>
public sealed record LinearProbeResult(
    double Top1, double Top5, float LearningRate, double? HeldOutTop1, int Train, int Test, ConfusionMatrix Confusion);
