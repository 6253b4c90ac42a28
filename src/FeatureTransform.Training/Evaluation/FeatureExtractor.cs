using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using FeatureTransform.Training.Data;
using FeatureTransform.Training.Networks;

namespace FeatureTransform.Training.Evaluation;

/// <summary>Turns images into features, batch by batch; while one batch is computed the next is decoded and scaled.</summary>
internal sealed class FeatureExtractor
{
    // Activations of a batch stay at a few hundred megabytes for large images.
    private const int MaxBatch = 256, PixelsPerBatch = 1 << 20;
    private readonly int batch;
    private readonly BatchMap map;
    private readonly ConcurrentBag<EvaluationTransform> transforms = []; // one a thread at work

    private FeatureExtractor(int size, int c, BatchMap map)
    {
        (Size, C, this.map) = (size, c, map);
        batch = Math.Clamp(PixelsPerBatch / (size * size), 1, MaxBatch);
    }

    private delegate void BatchMap(ReadOnlySpan<float> pixels, int n, Span<float> features);

    /// <summary>S, width and height in pixels of what the encoder sees.</summary>
    public int Size { get; }

    /// <summary>Channels of a feature.</summary>
    public int C { get; }

    /// <summary>The pooled features of an encoder.</summary>
    public static FeatureExtractor Of(Encoder encoder, int size) =>
        new(size, encoder.FeatureSize, (pixels, n, features) => encoder.Features(pixels, n, size, features));

    /// <summary>The normalised pixels themselves: what an encoder must beat.</summary>
    public static FeatureExtractor Pixels(int size) => new(size, size * size * 3, (pixels, _, features) => pixels.CopyTo(features));

    /// <summary>Features and labels of the images that <paramref name="subset"/> names, of their middle or of another view.</summary>
    /// <exception cref="InvalidInputException">Images cannot be read, features do not fit into an array or are not finite.</exception>
    public FeatureSet Extract(IImageSet images, int[] subset, StageProgress progress, CancellationToken cancellation, ImageView? view = null)
    {
        view ??= Middle;
        if ((long)subset.Length * C > Array.MaxLength)
        {
            throw new InvalidInputException(
                $"{subset.Length} features of {C} channels do not fit into memory: evaluate on at most {Array.MaxLength / C} images.");
        }

        var features = new float[subset.Length * C];
        var labels = new int[subset.Length];
        (float[] current, float[] next) = (new float[batch * Size * Size * 3], new float[batch * Size * Size * 3]);
        Prepare(images, subset, 0, view, current, labels, cancellation);
        for (int first = 0; first < subset.Length; first += batch)
        {
            int n = Math.Min(batch, subset.Length - first), following = first + n;
            float[] target = next;
            Task preparation = Task.Run(() => Prepare(images, subset, following, view, target, labels, cancellation), CancellationToken.None);
            try
            {
                map(current.AsSpan(0, n * Size * Size * 3), n, features.AsSpan(first * C, n * C));
            }
            finally
            {
                preparation.GetAwaiter().GetResult();
            }

            ThrowIfNotFinite(features.AsSpan(first * C, n * C));
            (current, next) = (next, current);
            progress.Advance(n);
        }

        return new FeatureSet(features, labels, C);
    }

    private void Middle(in RgbImage image, int index, Span<float> pixels)
    {
        EvaluationTransform transform = transforms.TryTake(out EvaluationTransform? free) ? free : new(Size);
        transform.Apply(image, pixels);
        transforms.Add(transform);
    }

    private void Prepare(
        IImageSet images, int[] subset, int first, ImageView view, float[] pixels, int[] labels, CancellationToken cancellation)
    {
        try
        {
            Parallel.For(
                0, Math.Min(batch, subset.Length - first), new ParallelOptions { CancellationToken = cancellation }, i =>
                {
                    RgbImage image = images.Read(subset[first + i]);
                    view(image, subset[first + i], pixels.AsSpan(i * Size * Size * 3, Size * Size * 3));
                    labels[first + i] = image.Label;
                });
        }
        catch (AggregateException error) when (error.InnerException is InvalidInputException input)
        {
            ExceptionDispatchInfo.Throw(input);
        }
    }

    private static void ThrowIfNotFinite(ReadOnlySpan<float> features)
    {
        foreach (float value in features)
        {
            if (!float.IsFinite(value))
            {
                throw new InvalidInputException(
                    $"The encoder gives features that are not finite ({value}): its training has diverged; use an earlier checkpoint.");
            }
        }
    }
}
