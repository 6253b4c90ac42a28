namespace FeatureTransform.Training.Data;

/// <summary>Images decoded once and kept as bytes.</summary>
internal sealed class MemoryImageSet : IImageSet
{
    private readonly RgbImage[] images;

    private MemoryImageSet(RgbImage[] images, IReadOnlyList<string> classes) => (this.images, Classes) = (images, classes);

    /// <inheritdoc/>
    public int Count => images.Length;

    /// <inheritdoc/>
    public IReadOnlyList<string> Classes { get; }

    /// <summary>Decodes all images of a reader on all cores.</summary>
    /// <exception cref="InvalidInputException">More than 1 % of the images cannot be decoded.</exception>
    public static MemoryImageSet Decode(IImageReader reader, IProgressReport progress)
    {
        var images = new RgbImage[reader.Labels.Count];
        var unreadable = new UnreadableImages(images.Length);
        ParallelStage.Run("decoding", images.Length, progress, i =>
        {
            try
            {
                images[i] = reader.Read(i);
            }
            catch (UnreadableImageException error)
            {
                unreadable.Add(i, error);
            }
        });
        if (unreadable.Describe() is { } message)
        {
            progress.Message(message);
            for (int i = images.Length - 1; i >= 0; i--)
            {
                // From the end, so that the image after a damaged one is settled; the last one's successor is the first good one.
                if (unreadable.Contains(i))
                {
                    images[i] = i + 1 < images.Length ? images[i + 1] : Array.Find(images, image => image.Width > 0);
                }
            }
        }

        return new MemoryImageSet(images, reader.Classes);
    }

    /// <inheritdoc/>
    public RgbImage Read(int index, PixelScratch? scratch = null) => images[index];

    /// <inheritdoc/>
    public void Dispose()
    {
        // Nothing is held but memory.
    }
}
