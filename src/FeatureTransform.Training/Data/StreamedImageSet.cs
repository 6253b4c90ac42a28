namespace FeatureTransform.Training.Data;

/// <summary>Images decoded on each read: for sets that do not fit in memory.</summary>
internal sealed class StreamedImageSet(IImageReader reader, IProgressReport progress) : IImageSet
{
    private readonly UnreadableImages unreadable = new(reader.Labels.Count);

    /// <inheritdoc/>
    public int Count => reader.Labels.Count;

    /// <inheritdoc/>
    public IReadOnlyList<string> Classes => reader.Classes;

    /// <summary>Image <paramref name="index"/>. A damaged one is told of when it is met first, from the thread that reads.</summary>
    /// <exception cref="InvalidInputException">More than 1 % of the images cannot be decoded.</exception>
    public RgbImage Read(int index, PixelScratch? scratch = null)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)index, (uint)Count);
        while (true)
        {
            try
            {
                return reader.Read(index, scratch);
            }
            catch (UnreadableImageException error)
            {
                if (unreadable.Add(index, error) && unreadable.Describe() is { } message)
                {
                    progress.Message(message);
                }
            }

            index = (index + 1) % Count;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // No file stays open between two reads.
    }
}
