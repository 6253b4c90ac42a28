using FeatureTransform.Native;
using FeatureTransform.Training.Evaluation;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Training.Devices;

/// <summary>
/// What a model needs of hardware, operation by operation; models and methods know nothing else of it. Every tensor that
/// an operation returns belongs to the caller, who gives it back by <see cref="Free"/>. Activations are N x H x W x C.
/// </summary>
internal interface IDevice : IDisposable
{
    /// <summary>Device, precision and threads in a few words.</summary>
    string Description { get; }

    /// <summary>Versions of the libraries that it computes with; null where it does without.</summary>
    (string? LibTorch, string? Cuda) Libraries { get; }

    /// <summary>Steps that are given to the device before the results of the first are read; 0 where a step is done when its last call returns.</summary>
    int StepsAhead { get; }

    /// <summary>Learning rate of the steps that begin from now on. Not part of what <see cref="Replay"/> repeats.</summary>
    float LearningRate { set; }

    /// <summary>Takes at once the memory that a pretraining needs, where the device has that of its own.</summary>
    /// <exception cref="InvalidInputException">It has not so much.</exception>
    void Reserve(PretrainOptions options);

    /// <summary>Storage for a model's parameters; <paramref name="trained"/> adds gradients and momentum.</summary>
    ParameterStore CreateStore(ParameterLayout layout, bool trained);

    /// <summary>Images (N x S x S x 3, normalised) in the device's precision.</summary>
    Tensor Images(ReadOnlySpan<float> pixels, int n, int size);

    /// <summary>A matrix of gradients or features, n x c, in the device's precision.</summary>
    Tensor Upload(ReadOnlySpan<float> matrix, int n, int c);

    /// <summary>Copies a tensor to the host as fp32.</summary>
    void Download(Tensor tensor, Span<float> destination);

    /// <summary>Gives a tensor back; one that does not exist is ignored.</summary>
    void Free(Tensor tensor);

    /// <summary>Convolution without bias, square filters.</summary>
    Tensor Convolution(Tensor x, ParameterStore store, Parameter weight, int stride, int padding);

    /// <summary>Writes the weight's gradient; returns dL/dx, or nothing where it is not wanted.</summary>
    Tensor ConvolutionBackward(
        Tensor dy, Tensor x, ParameterStore store, Parameter weight, int stride, int padding, bool inputGradient);

    /// <summary>
    /// relu(batch norm(x) + shortcut) by the statistics of the batch, taken over each of <paramref name="groups"/> equal parts
    /// of it (the virtual devices of shuffle-BN). Running statistics follow the first group, as they follow the first
    /// device in distributed MoCo.
    /// </summary>
    /// <param name="x">Input.</param>
    /// <param name="shortcut">Added before the ReLU, or nothing.</param>
    /// <param name="store">Parameters.</param>
    /// <param name="norm">Which of them.</param>
    /// <param name="relu">Whether a ReLU follows.</param>
    /// <param name="groups">Parts of the batch.</param>
    /// <param name="statistics">Mean and 1 / deviation of each group, for the backward pass.</param>
    Tensor BatchNorm(
        Tensor x, Tensor shortcut, ParameterStore store, NormParameters norm, bool relu, int groups, out Tensor statistics);

    /// <summary>relu(batch norm(x) + shortcut) by the running statistics, written over x, which it returns.</summary>
    Tensor BatchNormInference(Tensor x, Tensor shortcut, ParameterStore store, NormParameters norm, bool relu);

    /// <summary>
    /// Writes the gradients of weight and bias and returns dL/dx. The gradient of y is dy + dy2, where the second exists. Where the
    /// forward pass had a shortcut, <paramref name="dy"/> becomes the gradient before the ReLU, which is the shortcut's too;
    /// elsewhere its values are lost.
    /// </summary>
    Tensor BatchNormBackward(
        ref Tensor dy, Tensor dy2, Tensor x, Tensor y, ParameterStore store, NormParameters norm, bool shortcut, bool relu, int groups,
        Tensor statistics);

    /// <summary>3 x 3 maximum with stride 2 and padding 1.</summary>
    Tensor MaxPool(Tensor x, out Tensor indices);

    /// <summary>dL/dx of <see cref="MaxPool"/>.</summary>
    Tensor MaxPoolBackward(Tensor dy, Tensor x, Tensor indices);

    /// <summary>Mean over the pixels: N x C.</summary>
    Tensor GlobalAverage(Tensor x);

    /// <summary>dL/dx of <see cref="GlobalAverage"/> for an input of h x w pixels.</summary>
    Tensor GlobalAverageBackward(Tensor dy, int h, int w);

    /// <summary>relu(x W^T + b): N x Out.</summary>
    Tensor Linear(Tensor x, ParameterStore store, Parameter weight, Parameter bias, bool relu);

    /// <summary>Writes the gradients of weight and bias, returns dL/dx. dy is replaced by the gradient before the ReLU.</summary>
    Tensor LinearBackward(Tensor dy, Tensor x, Tensor y, ParameterStore store, Parameter weight, Parameter bias, bool relu);

    /// <summary>A matrix whose row order[i] is row i of <paramref name="matrix"/>, which stays the caller's.</summary>
    /// <param name="matrix">N x C.</param>
    /// <param name="order">A permutation of 0..N-1.</param>
    Tensor ScatterRows(Tensor matrix, ReadOnlySpan<int> order);

    /// <summary>The views of batches of N images; N, size and augmentation are those of the run.</summary>
    IViews CreateViews(PretrainOptions options);

    /// <summary>
    /// Does the operations of a step. A device may record them and do them again without calling, so that each call must give it the
    /// same operations on tensors of the same shapes, and give back all that it took.
    /// </summary>
    /// <param name="step">The same object each time.</param>
    void Replay(Action step);

    /// <summary>The contrastive step over a queue, for batches of n rows. The queue is the step's from then on.</summary>
    IContrast CreateContrast(FeatureTransformOptions options, FeatureQueue queue, int n);

    /// <summary>A search for the nearest of given rows.</summary>
    /// <param name="bank">M x C, finite; copied.</param>
    /// <param name="c">C, channels.</param>
    /// <param name="most">Queries of one search at most.</param>
    /// <param name="k">Neighbours.</param>
    INeighborSearch CreateSearch(ReadOnlySpan<float> bank, int c, int most, int k);

    /// <summary>A linear classifier to be trained on frozen features.</summary>
    /// <param name="standardization">Applied to each channel of the features.</param>
    /// <param name="classes">Classes.</param>
    /// <param name="batchSize">Most images of a step.</param>
    ISoftmaxRegression CreateSoftmaxRegression(Standardization standardization, int classes, int batchSize);

    /// <summary>target = m target + (1 - m) source over the trained parameters (He et al., equation 2).</summary>
    void Ema(ParameterStore target, ParameterStore source, float m);

    /// <summary>
    /// SGD as torch.optim.SGD with the <see cref="LearningRate"/>: g += decay w; v = momentum v + g; w -= lr v. Where the loss of <paramref name="step"/> is given and
    /// not finite, nothing is changed.
    /// </summary>
    void Sgd(ParameterStore store, float momentum, float weightDecay, IContrast? step = null);
}

/// <summary>The four parameters of a batch normalisation.</summary>
internal sealed record NormParameters(Parameter Weight, Parameter Bias, Parameter RunningMean, Parameter RunningVariance)
{
    /// <summary>Share of a batch in the running statistics; torchvision's default.</summary>
    public const float RunningShare = 0.1f;

    /// <summary>Added to the variance; torchvision's default.</summary>
    public const float Epsilon = 1e-5f;
}
