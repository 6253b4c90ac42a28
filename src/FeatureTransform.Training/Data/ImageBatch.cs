using FeatureTransform.Native.Cuda;

namespace FeatureTransform.Training.Data;

/// <summary>
/// The 8-bit images of a step, of any sizes, and how the two views of each are to be made, for a device that makes them itself
/// (kernels/augment.cu).
/// </summary>
/// <param name="batchSize">N, images of a batch.</param>
internal sealed class ImageBatch(int batchSize) : PairBatch(batchSize)
{
    private readonly Slice[] slices = [.. Enumerable.Range(0, SlicesOf(batchSize)).Select(_ => new Slice())];

    // Where each slice begins among all pixels.
    private readonly long[] starts = new long[SlicesOf(batchSize)];

    // First views, then second ones; their pixels count from the begin of the slice.
    private readonly AugmentView[] views = new AugmentView[2 * batchSize];

    /// <summary>N, images of the batch.</summary>
    public int Count => Indices.Length;

    /// <summary>Bytes of all pixels.</summary>
    public long PixelBytes
    {
        get
        {
            long bytes = 0;
            foreach (Slice slice in slices)
            {
                bytes += slice.Length;
            }

            return bytes;
        }
    }

    /// <inheritdoc/>
    public override void Add(Augmenter augmenter, in RgbImage image, int i)
    {
        Slice slice = slices[i / ImagesPerSlice];
        if (i % ImagesPerSlice == 0)
        {
            slice.Length = 0;
        }

        int start = slice.Append(image.Pixels.Span);
        views[i] = augmenter.Describe(image, Epoch, Indices[i], 0, start);
        views[Count + i] = augmenter.Describe(image, Epoch, Indices[i], 1, start);
    }

    /// <summary>Writes all pixels, one image behind the other.</summary>
    public void CopyPixels(Span<byte> target)
    {
        foreach (Slice slice in slices)
        {
            slice.Pixels.AsSpan(0, slice.Length).CopyTo(target);
            target = target[slice.Length..];
        }
    }

    /// <summary>Writes the 2 N views, the first of each image and then the second of each, by the pixels that <see cref="CopyPixels"/> writes.</summary>
    /// <param name="order">Which image's second view comes at each place; empty: each at its own.</param>
    /// <param name="target">2 N views.</param>
    public void CopyViews(ReadOnlySpan<int> order, Span<AugmentView> target)
    {
        for (int s = 1; s < slices.Length; s++)
        {
            starts[s] = starts[s - 1] + slices[s - 1].Length;
        }

        for (int i = 0; i < Count; i++)
        {
            int second = order.IsEmpty ? i : order[i];
            target[i] = At(i, views[i]);
            target[Count + i] = At(second, views[Count + second]);
        }

        AugmentView At(int i, AugmentView view)
        {
            view.Pixels += (ulong)starts[i / ImagesPerSlice];
            return view;
        }
    }

    private sealed class Slice
    {
        public byte[] Pixels { get; private set; } = [];

        public int Length { get; set; }

        /// <summary>Returns where the pixels begin.</summary>
        public int Append(ReadOnlySpan<byte> pixels)
        {
            int start = Length, end = checked(start + pixels.Length);
            if (end > Pixels.Length)
            {
                // Images of about this size are to come for the rest of the slice.
                byte[] larger = GC.AllocateUninitializedArray<byte>((int)Math.Min(Array.MaxLength, end + (end / 2L)));
                Pixels.AsSpan(0, start).CopyTo(larger);
                Pixels = larger;
            }

            pixels.CopyTo(Pixels.AsSpan(start));
            Length = end;
            return start;
        }
    }
}
