namespace FeatureTransform.Training.Data;

/// <summary>
/// Memory for the pixels of one decoded image at a time: a reader that is given it need not allocate. The image is valid until the
/// next read with the same scratch. One object per thread.
/// </summary>
internal sealed class PixelScratch
{
    private byte[] pixels = [];

    /// <summary>Memory for an image, of the scratch or, without one, of its own.</summary>
    public static Memory<byte> Of(PixelScratch? scratch, int length)
    {
        if (scratch is null)
        {
            return GC.AllocateUninitializedArray<byte>(length);
        }

        if (scratch.pixels.Length < length)
        {
            scratch.pixels = GC.AllocateUninitializedArray<byte>(length);
        }

        return scratch.pixels.AsMemory(0, length);
    }
}
