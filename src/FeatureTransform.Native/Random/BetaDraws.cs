using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FeatureTransform.Native;

/// <summary>
/// Consecutive elements of one stream of Beta draws, many at a time: the bits of <see cref="BetaQuantile.Evaluate"/> over
/// <see cref="Philox"/>.
/// </summary>
internal sealed unsafe class BetaDraws
{
    /// <summary>Floats before the target that <see cref="Fill"/> may write.</summary>
    public const int Before = 4;

    /// <summary>Floats behind the target that <see cref="Fill"/> may write.</summary>
    public const int Behind = 32;

    private readonly BetaQuantile quantile;
    private readonly float[] columns;

    public BetaDraws(BetaQuantile quantile)
    {
        this.quantile = quantile;
        int rows = quantile.Table.Length / 4;
        columns = GC.AllocateUninitializedArray<float>(4 * rows, pinned: true);
        for (int i = 0; i < columns.Length; i++)
        {
            columns[i] = quantile.Table[(i % rows * 4) + (i / rows)];
        }
    }

    /// <summary>The draws of elements first to first + count - 1.</summary>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="step">Step number.</param>
    /// <param name="use">Stream.</param>
    /// <param name="rank">Rank of the process.</param>
    /// <param name="first">First element.</param>
    /// <param name="count">Elements.</param>
    /// <param name="target">Receives them; has <see cref="Before"/> and <see cref="Behind"/> floats to spare.</param>
    public void Fill(ulong seed, uint step, RandomUse use, uint rank, ulong first, int count, float* target)
    {
        // A block of four words is one counter: begin with a whole one.
        int skip = (int)(first & 3);
        var counter = new PhiloxCounter(seed, step, (uint)use | (rank << 8), first >> 2);
        target -= skip;
        count += skip;
        if (Vector512.IsHardwareAccelerated && Avx512F.IsSupported)
        {
            BetaDraws512.Fill(counter, quantile, columns, target, count);
        }
        else if (Vector256.IsHardwareAccelerated && Avx2.IsSupported)
        {
            BetaDraws256.Fill(counter, quantile, target, count);
        }
        else
        {
            for (int i = 0; i < count; i += 4)
            {
                PhiloxBlock block = counter.Block((ulong)i / 4);
                for (int word = 0; word < 4; word++)
                {
                    target[i + word] = quantile.Evaluate(block[word]);
                }
            }
        }
    }
}

/// <summary>Where a run of Philox blocks begins.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct PhiloxCounter(ulong Seed, uint Step, uint Stream, ulong Index)
{
    public PhiloxBlock Block(ulong offset)
    {
        ulong index = Index + offset;
        return Philox.Block((uint)index, (uint)(index >> 32), Step, Stream, (uint)Seed, (uint)(Seed >> 32));
    }
}
