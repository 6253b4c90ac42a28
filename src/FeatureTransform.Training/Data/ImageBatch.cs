using System.Buffers;
using FeatureTransform.Native.Cuda;

namespace FeatureTransform.Training.Data;

/// <summary>
/// The 8-bit images of a step, of any sizes, and how the two views of each are to be made, for a device that makes them itself
/// (kernels/augment.cu).
/// </summary>
/// <param name="batchSize">N, images of a batch.</param>
/// <param name="pool">What gives the memory of the pixels.</param>
internal sealed class ImageBatch(int batchSize, MemoryPool<byte> pool) : PairBatch(batchSize)
{
    private readonly Slice[] slices = [.. Enumerable.Range(0, SlicesOf(batchSize)).Select(_ => new Slice(pool))];

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

    /// <summary>The pixels of a slice, one image behind the other.</summary>
    public ReadOnlySpan<byte> PixelsOf(int slice) => slices[slice].Pixels[..slices[slice].Length];

    /// <summary>Writes the 2 N views, the first of each image and then the second of each, by the pixels of one slice behind the other.</summary>
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

    private sealed class Slice(MemoryPool<byte> pool)
    {
        private IMemoryOwner<byte>? memory;

        public Span<byte> Pixels => memory is null ? [] : memory.Memory.Span;

        public int Length { get; set; }

        /// <summary>Returns where the pixels begin.</summary>
        public int Append(ReadOnlySpan<byte> pixels)
        {
            int start = Length, end = checked(start + pixels.Length);
            if (end > Pixels.Length)
            {
                // Images of about this size are to come for the rest of the slice.
                IMemoryOwner<byte> larger = pool.Rent((int)Math.Min(pool.MaxBufferSize, end + (end / 2L)));
                Pixels[..start].CopyTo(larger.Memory.Span);
                memory?.Dispose();
                memory = larger;
            }

            pixels.CopyTo(Pixels[start..]);
            Length = end;
            return start;
        }
    }
}
