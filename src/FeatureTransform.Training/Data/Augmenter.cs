using FeatureTransform.Native.Cuda;

namespace FeatureTransform.Training.Data;

/// <summary>
/// Makes augmented views of images, each a pure function of (recipe, seed, epoch, image index, view, pixels). Owns its scratch
/// and allocates only for an image larger than those before: one object per thread.
/// </summary>
/// <param name="recipe">What is done to an image.</param>
/// <param name="size">S, width and height of a view in pixels.</param>
/// <param name="seed">Seed of the run.</param>
internal sealed class Augmenter(AugmentationRecipe recipe, int size, ulong seed)
{
    private const int FloatsAtOnce = 4096; // of the rows that are treated together: half of a first cache of 32 KB

    private readonly PlanarImage _view = new(size);
    private readonly Resampler _resampler = new();
    private readonly GaussianBlur _blur = new(size);

    /// <summary>One view of an image, for a device that makes it by the same choices as <see cref="Apply"/>.</summary>
    /// <param name="image">The image.</param>
    /// <param name="epoch">Epoch, from 0.</param>
    /// <param name="index">Index of the image in its set, below 2^40.</param>
    /// <param name="view">Number of the view, below 256.</param>
    /// <param name="pixels">Byte of the image's first pixel where the device has it.</param>
    public AugmentView Describe(in RgbImage image, int epoch, long index, int view, long pixels)
    {
        ViewParameters parameters = ViewParameters.Draw(recipe, seed, epoch, index, view, image.Width, image.Height);
        return DeviceViews.Of(recipe, parameters, size, pixels, image.Width);
    }

    /// <summary>Writes one view of an image.</summary>
    /// <param name="image">The image.</param>
    /// <param name="epoch">Epoch, from 0.</param>
    /// <param name="index">Index of the image in its set, below 2^40.</param>
    /// <param name="view">Number of the view, below 256.</param>
    /// <param name="destination">S x S x 3, normalised with ImageNet's means and deviations.</param>
    public void Apply(in RgbImage image, int epoch, long index, int view, Span<float> destination)
    {
        ViewParameters parameters = ViewParameters.Draw(recipe, seed, epoch, index, view, image.Width, image.Height);

        // The mirror image of a crop costs nothing while it is resized; no operation after it tells left from right.
        _resampler.Resize(image, parameters.Crop, new PixelRectangle(0, 0, size, size), parameters.Flip, _view);
        if (parameters.Grayscale && recipe.GrayscaleFirst)
        {
            ColorKernels.Grayscale(_view);
        }

        if (parameters.Jitter)
        {
            Jitter(parameters);
        }

        if (parameters.Grayscale && !recipe.GrayscaleFirst)
        {
            ColorKernels.Grayscale(_view);
        }

        if (parameters.BlurSigma > 0)
        {
            _blur.Apply(_view, parameters.BlurSigma);
        }

        if (parameters.Solarise)
        {
            ColorKernels.Solarise(_view, (float)recipe.SolariseThreshold);
        }

        PixelLayout.Normalize(_view, destination);
        GC.KeepAlive(this);
    }

    /// <summary>
    /// Treats a few rows at a time by one operation after the other, while they lie in the first cache. Contrast wants the mean of the whole
    /// image, after the operations before it.
    /// </summary>
    private void Jitter(in ViewParameters parameters)
    {
        Span<ColorOperation> operations = stackalloc ColorOperation[ViewParameters.JitterOperations];
        parameters.FillJitter(operations);
        int contrast = operations.IndexOf(ColorOperation.Contrast), atOnce = Math.Max(1, FloatsAtOnce / (3 * _view.Stride));
        double luma = 0;
        for (int y = 0; y < size; y += atOnce)
        {
            var rows = new PlanarRows(_view, y, Math.Min(atOnce, size - y));
            ApplyEach(operations[..contrast], parameters, rows);
            luma = ColorKernels.AddLuma(rows, luma);
        }

        float mean = (float)(luma / ((double)size * size));
        for (int y = 0; y < size; y += atOnce)
        {
            var rows = new PlanarRows(_view, y, Math.Min(atOnce, size - y));
            ColorKernels.Contrast(rows, parameters.Contrast, mean);
            ApplyEach(operations[(contrast + 1)..], parameters, rows);
        }
    }

    private static void ApplyEach(ReadOnlySpan<ColorOperation> operations, in ViewParameters parameters, PlanarRows rows)
    {
        foreach (ColorOperation operation in operations)
        {
            switch (operation)
            {
                case ColorOperation.Brightness:
                    ColorKernels.Brightness(rows, parameters.Brightness);
                    break;
                case ColorOperation.Saturation:
                    ColorKernels.Saturation(rows, parameters.Saturation);
                    break;
                default:
                    ColorKernels.Hue(rows, parameters.Hue);
                    break;
            }
        }
    }
}
