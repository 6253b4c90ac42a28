using System.Runtime.Intrinsics.X86;

namespace FeatureTransform.Native;

/// <summary>
/// One block of negatives at a time, in a thread's own memory, small enough for its second cache:
/// z^_j = lambda z_j + (1 - lambda) z_pi(j) (equation 3.3), or the rows of the queue as they are.
/// </summary>
internal sealed unsafe class NegativeBlock
{
    // Floats of a block: half a megabyte of cache holds it beside the panels of the queries.
    private const int Largest = 1 << 16;

    // 20 register tiles: a panel of exponentials then fits the first cache.
    private const int MostKeys = 20 * StreamKernels.TileKeys, FewestKeys = 4 * StreamKernels.TileKeys;
    private const int RowLambdas = 16;
    private const int None = -1, LineBytes = 64;

    private readonly int c, padded;
    private readonly int[] partners;
    private int announced = None; // first key of the block whose partners are known
    private readonly float* ownRow, partnerRow, lambda;

    public NegativeBlock(int c)
    {
        (this.c, padded) = (c, RowMath.Padded(c));
        Stride = StrideOf(c);
        int rows = KeysOf(c) + StreamKernels.Padding;
        partners = new int[KeysOf(c)];
        int lambdas = Math.Max(padded, 4 * RowLambdas) + RowMath.Lanes + BetaDraws.Behind;
        Memory = new AlignedBuffer(((long)rows * Stride) + (2 * padded) + lambdas);
        Rows = Memory.Pointer;
        ownRow = Rows + ((nint)rows * Stride);
        partnerRow = ownRow + padded;
        lambda = partnerRow + padded + RowMath.Lanes;
    }

    /// <summary>All its memory.</summary>
    public AlignedBuffer Memory { get; }

    /// <summary>The block, keys x stride; what lies behind the C-th element of a row is not defined.</summary>
    public float* Rows { get; }

    /// <summary>Elements from row to row.</summary>
    public int Stride { get; }

    /// <summary>Keys of a block; a function of C alone.</summary>
    public static int KeysOf(int c) =>
        Math.Clamp(Largest / StrideOf(c) / StreamKernels.TileKeys * StreamKernels.TileKeys, FewestKeys, MostKeys);

    /// <summary>Says which mixed block comes next, so that its partners, which lie anywhere, can be fetched early.</summary>
    public void Announce(StepSettings step, int first, int keys)
    {
        step.Permutation.Fill(first, partners.AsSpan(0, keys));
        announced = first;
    }

    /// <summary>Fetches the partners of a part of the announced keys into the second cache.</summary>
    public void Fetch(StepSettings step, int firstKey, int lastKey)
    {
        if (!Sse.IsSupported)
        {
            return;
        }

        int size = step.Float32 != null ? sizeof(float) : sizeof(ushort);
        byte* rows = step.Float32 != null ? (byte*)step.Float32 : (byte*)step.BFloat16;
        for (int j = firstKey; j < lastKey; j++)
        {
            byte* row = rows + ((nint)partners[j] * c * size), end = row + ((nint)c * size);
            for (byte* line = (byte*)((nint)row & -LineBytes); line < end; line += LineBytes)
            {
                Sse.Prefetch1(line);
            }
        }
    }

    /// <summary>Fills rows 0..keys-1 from queue rows first and on.</summary>
    public void Fill(StepSettings step, int first, int keys, bool mixed)
    {
        if (mixed)
        {
            Mix(step, first, keys);
            return;
        }

        for (int j = 0; j < keys; j++)
        {
            float* row = Rows + ((nint)j * Stride);
            if (step.Float32 != null)
            {
                new ReadOnlySpan<float>(step.Float32 + ((nint)(first + j) * c), c).CopyTo(new Span<float>(row, c));
            }
            else
            {
                BFloat16.Widen(step.BFloat16 + ((nint)(first + j) * c), row, padded);
            }
        }
    }

    // An odd number of cache lines, so that a column meets all sets of the cache; with room for the columns that tiles read.
    private static int StrideOf(int c) => (RowMath.Padded(c + StreamKernels.Padding) / RowMath.Lanes | 1) * RowMath.Lanes;

    private void Mix(StepSettings step, int first, int keys)
    {
        FeatureTransformOptions options = step.Options;
        LambdaScope scope = options.NegativeScope;
        if (announced != first)
        {
            step.Permutation.Fill(first, partners.AsSpan(0, keys));
        }

        announced = None;
        if (scope == LambdaScope.Batch)
        {
            step.Draw(step.Negative!, RandomUse.NegativeLambda, scope, 0, lambda);
        }

        for (int j = 0; j < keys; j++)
        {
            float* row = Rows + ((nint)j * Stride);
            float* own = Stored(step, first + j, ownRow), partner = Stored(step, partners[j], partnerRow);
            if (scope == LambdaScope.Element)
            {
                step.Draw(step.Negative!, RandomUse.NegativeLambda, scope, first + j, lambda);
                RowMath.Mix(lambda, own, partner, row, padded);
            }
            else
            {
                if (scope == LambdaScope.Row && j % RowLambdas == 0)
                {
                    // Word 0 of each index: every fourth element.
                    step.Negative!.Fill(
                        options.Seed, step.Step, RandomUse.NegativeLambda, options.Rank, (ulong)(first + j) * 4, 4 * RowLambdas, lambda);
                }

                RowMath.Mix(lambda[scope == LambdaScope.Row ? j % RowLambdas * 4 : 0], own, partner, row, padded);
            }

            if (options.NegativeNormalize)
            {
                RowMath.ClearTail(row, c);
                _ = RowMath.Normalize(row, padded);
            }
        }
    }

    private float* Stored(StepSettings step, int row, float* decoded)
    {
        if (step.Float32 != null)
        {
            return step.Float32 + ((nint)row * c);
        }

        BFloat16.Widen(step.BFloat16 + ((nint)row * c), decoded, padded);
        return decoded;
    }
}
