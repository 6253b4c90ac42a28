using FeatureTransform.Native.Cuda;
using FeatureTransform.Training.Data;
using FeatureTransform.Training.Devices;

namespace FeatureTransform.Training.Tests.Methods;

/// <summary>What the launches of a kernel must move in a step, in bytes, and what they may move beyond that.</summary>
/// <param name="Kernel">Its name.</param>
/// <param name="Must">The bytes read, and those written, in sizes of tensors.</param>
/// <param name="Read">The first as a number.</param>
/// <param name="Written">The second.</param>
internal sealed record KernelTraffic(string Kernel, string Must, long Read, long Written)
{
    /// <summary>Bytes that may be read beyond that.</summary>
    public long MoreRead { get; init; }

    /// <summary>Bytes that may be written beyond that.</summary>
    public long MoreWritten { get; init; }

    /// <summary>Why.</summary>
    public string Reason { get; init; } = "";

    /// <summary>
    /// The kernels of a step of <see cref="TinyMoCo.TiledOptions"/> in bf16, N x S x S images, C channels, K negatives in fp32. A block of
    /// memory that fills no sector of 32 bytes counts as one.
    /// </summary>
    /// <param name="layout">Of the encoder.</param>
    /// <param name="chunks">Blocks of the optimiser.</param>
    /// <param name="images">What the views are made of.</param>
    public static IReadOnlyList<KernelTraffic> Of(ParameterLayout layout, int chunks, ImageBatch images)
    {
        const long n = 16, s = 8, c = 128, k = 64, sector = 32, word = 4, half = 2;
        const long rows = n * c, pixels = n * s * s, stem = 16 * 3 * 3 * 3, padded = stem / 3 * 8, parts = 2;
        long p = layout.Trained.Sum(parameter => parameter.Count);
        long f = layout.Trained.Where(parameter => parameter.Kind == ParameterKind.Convolution).Sum(parameter => parameter.Count) - stem;

        const long partial = parts * n * (c + 5) * word, tile = 128;

        // A view is a block of 8 warps, of which two have pixels, in four rows of 8.
        const long planes = 3 * word, fields = 20 * sector, warps = 8, withPixels = 2, rowsOfWarp = 4;
        var views = new AugmentView[2 * n];
        images.CopyViews([], views);
        return
        [
            new(
                "augment_resize", "3 bytes a pixel of the crops, 12 V", views.Sum(view => 3L * view.CropWidth * view.CropHeight), planes * 2 * pixels)
            {
                MoreRead = views.Sum(view =>
                    (withPixels * Taps(view.CropWidth) * Taps(view.CropHeight) * 3 * rowsOfWarp * RowSectors(view) * sector) + (warps * fields)),
                MoreWritten = 2 * n * sector,
                Reason = "a pixel is read for each output whose filter covers it, byte by byte, from the first cache; each warp reads the "
                    + "view's fields; a sum of a view is written for contrast",
            },
            new("augment_color_bf16", "12 V, 16 V", planes * 2 * pixels, half * 8 * 2 * pixels)
            {
                MoreRead = 2 * n * ((warps * fields) + (warps * sector)),
                MoreWritten = half * 8 * 2 * pixels,
                Reason = "each warp reads the view's fields, and its sum for contrast; the channels of a pixel are stored in two halves",
            },
            new("ema", "8 P, 6 P", 8 * p, 6 * p),
            new("sgd", "8 P + 2 F + 4 (P - F), 10 P", (8 * p) + (2 * f) + (4 * (p - f)), 10 * p)
            {
                MoreRead = chunks * 8 * 5 * sector,
                Reason = "each of a block's 8 warps reads loss, rate, its chunk (2 words) and its segment, at most 5 sectors",
            },
            new(
                "cast_fp32_bf16", "4 (2 W + N C), 2 (2 W' + N C)", word * ((2 * stem) + rows), half * ((2 * padded) + rows))
            {
                MoreRead = 2 * word * 2 * stem,
                Reason = "three loads share the sectors of a row of three, which are in the first cache",
            },
            new("cast_bf16_fp32", "2 W', 4 W", half * padded, word * stem)
            {
                MoreWritten = 2 * word * stem,
                Reason = "a row of three is stored number by number",
            },
            new("global_average_bf16", "4 N A, 4 N A", 2 * half * n * 128, 2 * half * n * 128),
            new("global_average_backward_bf16", "2 N A, 2 N A", half * n * 128, half * n * 128),
            new("bias_relu_backward_bf16", "6 N C, 2 N C + 8 C", 3 * half * rows, (half * rows) + (2 * word * c)),
            new("mix_positive", "4 N C + 64, 14 N C + 16 N", (2 * half * rows) + (2 * sector), (14 * rows) + (16 * n))
            {
                MoreRead = (2 * half * rows) + (((n * 3) - 2) * sector),
                MoreWritten = (n * 4 * sector) - (16 * n),
                Reason = "a warp reads its rows again for the result, from the first cache, and state and table itself; it writes norms and "
                    + "score number by number",
            },
            new("infonce_bf16", "2 N C + 4 K C + 4 N + 64, 8 N (C + 5) + 32", (half * rows) + (word * k * c) + (word * n) + (2 * sector), partial + sector)
            {
                MoreRead = (half * rows) + (word * k * c) + (word * n) + (((parts * ((8 * 2) + 2)) - 2) * sector),
                MoreWritten = (parts * (tile - n) * (c + 5) * word) + (parts * tile * 8 * word),
                Reason = "a key is read again where it is mixed into another; both blocks read the queries, their warps the state; the tile "
                    + "of 128 rows is written whole, which a batch of 128 fills; NVRTC cuts one store in sixteen in two",
            },
            new(
                "infonce_finish", "8 N (C + 5) + 10 N C + 20 N + 64, 4 N C + 28 N + 64",
                partial + (10 * rows) + (20 * n) + (2 * sector), (word * rows) + (7 * word * n) + (2 * sector))
            {
                MoreRead = (n * 22 * sector) - (parts * n * 5 * word) - (16 * n) - (2 * sector),
                MoreWritten = (7 * n * (sector - word)) + sector,
                Reason = "the warps of a row read its scalars one by one, 22 sectors, and write its statistics so; both blocks count "
                    + "themselves",
            },
            new("enqueue_fp32", "4 N C + 64, 4 N C", (word * rows) + (2 * sector), word * rows)
            {
                MoreRead = ((n * 2) - 2) * sector,
                Reason = "a warp, which copies a row, reads loss and state",
            },
            new("advance_step", "64, 32", 2 * sector, sector)
            {
                MoreRead = sector,
                MoreWritten = sector,
                Reason = "two words of one sector, one by one",
            },
        ];

        // Inputs of an output along one axis, at most.
        static long Taps(int crop) => (long)(2 * Math.Max((double)crop / s, 1)) + 1;

        static long RowSectors(AugmentView view) => (((3L * view.CropWidth) + sector - 1) / sector) + 1;
    }
}
