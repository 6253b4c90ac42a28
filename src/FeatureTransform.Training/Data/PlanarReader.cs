namespace FeatureTransform.Training.Data;

/// <summary>How an image lies in a binary file: a header, then the three colour planes.</summary>
/// <param name="Side">Width and height in pixels.</param>
/// <param name="HeaderLength">Bytes before the planes.</param>
/// <param name="ColumnMajor">Whether a plane is stored column after column.</param>
internal readonly record struct PlanarFormat(int Side, int HeaderLength, bool ColumnMajor)
{
    /// <summary>Bytes of an image with its header.</summary>
    public int RecordLength => HeaderLength + (Side * Side * 3);
}

/// <summary>Images that lie one after the other in binary files, each as three colour planes.</summary>
/// <param name="files">The files, each of whole records.</param>
/// <param name="format">How a record is laid out.</param>
/// <param name="labels">Label of each record, over all files.</param>
/// <param name="classes">Names of the classes.</param>
internal sealed class PlanarReader(
    IReadOnlyList<SourceFile> files, PlanarFormat format, IReadOnlyList<int> labels, IReadOnlyList<string> classes) : IImageReader
{
    /// <inheritdoc/>
    public IReadOnlyList<string> Classes => classes;

    /// <inheritdoc/>
    public IReadOnlyList<int> Labels => labels;

    /// <inheritdoc/>
    public RgbImage Read(int index, PixelScratch? scratch = null)
    {
        long offset = (long)index * format.RecordLength;
        int file = 0;
        for (; offset >= files[file].Length; file++)
        {
            offset -= files[file].Length;
        }

        byte[] planes = new byte[format.Side * format.Side * 3];
        files[file].Read(offset + format.HeaderLength, planes);
        return new RgbImage(Interleave(planes), format.Side, format.Side, labels[index]);
    }

    private byte[] Interleave(byte[] planes)
    {
        int side = format.Side, plane = side * side;
        (int across, int down) = format.ColumnMajor ? (side, 1) : (1, side);
        byte[] pixels = new byte[planes.Length];
        for (int y = 0, p = 0; y < side; y++)
        {
            for (int x = 0; x < side; x++, p += 3)
            {
                int at = (y * down) + (x * across);
                (pixels[p], pixels[p + 1], pixels[p + 2]) = (planes[at], planes[plane + at], planes[(2 * plane) + at]);
            }
        }

        return pixels;
    }
}
