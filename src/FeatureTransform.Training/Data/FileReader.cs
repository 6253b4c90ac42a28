using System.Buffers;

namespace FeatureTransform.Training.Data;

/// <summary>Images that are a file each.</summary>
/// <param name="files">The files.</param>
/// <param name="labels">Label of each file.</param>
/// <param name="classes">Names of the classes.</param>
internal sealed class FileReader(IReadOnlyList<SourceFile> files, IReadOnlyList<int> labels, IReadOnlyList<string> classes) : IImageReader
{
    private const int MaximumLength = 1 << 30;

    /// <inheritdoc/>
    public IReadOnlyList<string> Classes => classes;

    /// <inheritdoc/>
    public IReadOnlyList<int> Labels => labels;

    /// <inheritdoc/>
    public RgbImage Read(int index, PixelScratch? scratch = null)
    {
        SourceFile file = files[index];
        if (file.Length is 0 or > MaximumLength)
        {
            throw new UnreadableImageException(file.Path, file.Length == 0 ? "is empty" : "is too large for an image");
        }

        int length = (int)file.Length;
        byte[] bytes = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            file.Read(0, bytes.AsSpan(0, length));
            return ImageDecoder.Decode(bytes.AsSpan(0, length), file.Path, labels[index], scratch);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }
}
