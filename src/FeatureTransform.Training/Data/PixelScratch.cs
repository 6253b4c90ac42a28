namespace FeatureTransform.Training.Data;

/// <summary>
/// Memory for the pixels of a few decoded images, valid until it is cleared: a reader that is given it need not allocate. One object
/// per thread.
/// </summary>
internal sealed class PixelScratch
{
    /// <summary>Bytes of images, about eight photographs of 500 x 375 pixels, that fill it; the same again is there for the last one.</summary>
    private const int Full = 4 << 20;

    private byte[] pixels = [];
    private int used;

    /// <summary>Whether the images in it take so much memory that they should be used, and it cleared, before the next is read.</summary>
    public bool IsFull => used >= Full;

    /// <summary>Memory for an image: of the scratch, or of its own without one or where there is no room.</summary>
    public static Memory<byte> Of(PixelScratch? scratch, int length) => scratch?.TryTake(length) ?? Allocate(length);

    /// <summary>Gives all memory free; images in it are no longer valid.</summary>
    public void Clear() => used = 0;

    private static byte[] Allocate(int length) => GC.AllocateUninitializedArray<byte>(length);

    private Memory<byte>? TryTake(int length)
    {
        if (used == 0 && pixels.Length < length)
        {
            pixels = Allocate(Math.Max(length, 2 * Full));
        }

        if (pixels.Length - used < length)
        {
            return null;
        }

        used += length;
        return pixels.AsMemory(used - length, length);
    }
}
