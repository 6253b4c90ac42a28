namespace FeatureTransform.Training.Data;

/// <summary>
/// The view of an image for evaluation: the short side resized to 256/224 of the size wanted (antialiased bilinear), the middle
/// cut out, normalised. An image that has the size already is only normalised. Owns its scratch: one object per thread.
/// </summary>
/// <param name="size">S, width and height of the view in pixels.</param>
internal sealed class EvaluationTransform(int size)
{
    private readonly PlanarImage _view = new(size);
    private readonly Resampler _resampler = new();

    /// <summary>Writes the view, S x S x 3.</summary>
    public void Apply(in RgbImage image, Span<float> destination)
    {
        PixelRectangle window = Window(size, image.Width, image.Height);
        _resampler.Resize(image, new PixelRectangle(0, 0, image.Width, image.Height), window, false, _view);
        PixelLayout.Normalize(_view, destination);
        GC.KeepAlive(this);
    }

    /// <summary>The size of the whole result of an image's resize, and the corner of the window that becomes the view.</summary>
    public static PixelRectangle Window(int size, int imageWidth, int imageHeight)
    {
        int width = size, height = size;
        if (imageWidth != size || imageHeight != size)
        {
            // As torchvision's Resize, which cuts off the fraction of the long side.
            int shorter = size * 256 / 224;
            width = (int)((long)shorter * imageWidth / Math.Min(imageWidth, imageHeight));
            height = (int)((long)shorter * imageHeight / Math.Min(imageWidth, imageHeight));
        }

        // As torchvision's CenterCrop, which rounds halves to even.
        return new PixelRectangle((int)Math.Round((width - size) / 2.0), (int)Math.Round((height - size) / 2.0), width, height);
    }
}
