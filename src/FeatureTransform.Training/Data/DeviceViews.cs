using FeatureTransform.Native.Cuda;

namespace FeatureTransform.Training.Data;

/// <summary>
/// Views in the form that the device's augmentation takes (kernels/augment.cu): the choices are those of
/// <see cref="ViewParameters"/>, made in double by the host, so that a view is the same on every device.
/// </summary>
internal static class DeviceViews
{
    private const int OperationBits = 4;
    private const float Never = 2; // above every value of a pixel

    /// <summary>The view that <see cref="Augmenter"/> makes of the same choices.</summary>
    /// <param name="recipe">What is done to an image.</param>
    /// <param name="parameters">The choices.</param>
    /// <param name="size">S, width and height of a view in pixels.</param>
    /// <param name="pixels">Byte of the image's first pixel in the batch of images.</param>
    /// <param name="width">Width of the image.</param>
    public static AugmentView Of(AugmentationRecipe recipe, in ViewParameters parameters, int size, long pixels, int width)
    {
        AugmentView view = Resized(pixels, width, parameters.Crop, new PixelRectangle(0, 0, size, size));
        view.Flip = parameters.Flip ? 1u : 0;
        view.Operations = Operations(recipe, parameters);
        (view.Brightness, view.Contrast) = (parameters.Brightness, parameters.Contrast);
        (view.Saturation, view.Hue) = (parameters.Saturation, parameters.Hue);
        view.BlurSigma = parameters.BlurSigma;
        view.Solarise = parameters.Solarise ? (float)recipe.SolariseThreshold : Never;
        return view;
    }

    /// <summary>The view that <see cref="EvaluationTransform"/> makes.</summary>
    /// <param name="size">S, width and height of a view in pixels.</param>
    /// <param name="pixels">Byte of the image's first pixel in the batch of images.</param>
    /// <param name="width">Width of the image.</param>
    /// <param name="height">Height of the image.</param>
    public static AugmentView ForEvaluation(int size, long pixels, int width, int height)
    {
        AugmentView view = Resized(
            pixels, width, new PixelRectangle(0, 0, width, height), EvaluationTransform.Window(size, width, height));
        view.Solarise = Never;
        return view;
    }

    private static AugmentView Resized(long pixels, int width, PixelRectangle source, PixelRectangle result) => new()
    {
        Pixels = (ulong)pixels,
        Width = width,
        Left = source.Left,
        Top = source.Top,
        CropWidth = source.Width,
        CropHeight = source.Height,
        ResultLeft = result.Left,
        ResultTop = result.Top,
        ResultWidth = result.Width,
        ResultHeight = result.Height,
    };

    private static uint Operations(AugmentationRecipe recipe, in ViewParameters parameters)
    {
        uint operations = 0;
        int count = 0;
        void Append(ColorOperation operation) => operations |= (uint)operation << (OperationBits * count++);
        if (parameters.Grayscale && recipe.GrayscaleFirst)
        {
            Append(ColorOperation.Grayscale);
        }

        if (parameters.Jitter)
        {
            Span<ColorOperation> jitter = stackalloc ColorOperation[ViewParameters.JitterOperations];
            parameters.FillJitter(jitter);
            foreach (ColorOperation operation in jitter)
            {
                Append(operation);
            }
        }

        if (parameters.Grayscale && !recipe.GrayscaleFirst)
        {
            Append(ColorOperation.Grayscale);
        }

        return operations;
    }
}
