using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;

namespace FeatureTransform.Training.Data;

/// <summary>
/// The images of one step, in the form that a device takes them. Belongs to a <see cref="PairLoader"/>, which fills it anew after its
/// return.
/// </summary>
/// <param name="batchSize">N, images of a batch.</param>
internal abstract class PairBatch(int batchSize)
{
    /// <summary>Images that one thread adds one after the other, beginning with a multiple of it.</summary>
    public const int ImagesPerSlice = 16;

    /// <summary>Index of each image in its set.</summary>
    public int[] Indices { get; } = new int[batchSize];

    /// <summary>Epoch of the step, from 0.</summary>
    public int Epoch { get; internal set; }

    /// <summary>Step, from 0 over all epochs.</summary>
    public long Step { get; internal set; }

    /// <summary>Number of slices.</summary>
    public int Slices { get; } = SlicesOf(batchSize);

    /// <summary>Slices that are not done yet.</summary>
    internal int SlicesLeft { get; set; }

    /// <summary>What went wrong with one of the images.</summary>
    internal ExceptionDispatchInfo? Failure { get; set; }

    /// <summary>
    /// Reads the images of a slice and adds them; <see cref="Indices"/> and <see cref="Epoch"/> are set. Different slices may be filled
    /// at the same time. As many images are read as the scratch has room for before they are added: 512-bit arithmetic of views lowers the
    /// clock of some processors for longer than the next image takes to decode.
    /// </summary>
    /// <param name="slice">The slice, from 0.</param>
    /// <param name="set">Where the images come from.</param>
    /// <param name="augmenter">Makes the views, or knows how they are to be made.</param>
    /// <param name="scratch">Memory for the images; what is in it is lost.</param>
    /// <param name="stop">Ends the work before the next image; the slice is not complete then.</param>
    public void Fill(int slice, IImageSet set, Augmenter augmenter, PixelScratch scratch, CancellationToken stop)
    {
        int next = slice * ImagesPerSlice, end = Math.Min(Indices.Length, next + ImagesPerSlice);
        var images = default(SliceImages);
        while (next < end && !stop.IsCancellationRequested)
        {
            scratch.Clear();
            int first = next;
            for (; next < end && !scratch.IsFull && !stop.IsCancellationRequested; next++)
            {
                images[next - first] = set.Read(Indices[next], scratch);
            }

            for (int i = first; i < next && !stop.IsCancellationRequested; i++)
            {
                Add(augmenter, images[i - first], i);
            }
        }
    }

    /// <summary>Takes an image, for both of its views.</summary>
    /// <param name="augmenter">Makes the views, or knows how they are to be made.</param>
    /// <param name="image">Valid during the call.</param>
    /// <param name="i">Its place in the batch; <see cref="Indices"/> and <see cref="Epoch"/> are set.</param>
    public abstract void Add(Augmenter augmenter, in RgbImage image, int i);

    private protected static int SlicesOf(int images) => (images + ImagesPerSlice - 1) / ImagesPerSlice;

    [InlineArray(ImagesPerSlice)]
    private struct SliceImages
    {
        private RgbImage first;
    }
}
