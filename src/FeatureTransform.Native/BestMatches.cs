using System.Runtime.Intrinsics;

namespace FeatureTransform.Native;

/// <summary>
/// The k best of a stream of scores that comes in index order: a heap with the worst on top. A key holds the score in its upper
/// half, ordered as an integer, and the complement of the index in its lower half, so that of equal scores the lower index wins.
/// </summary>
internal sealed unsafe class BestMatches
{
    private readonly long[] heap;
    private float threshold = float.NegativeInfinity; // the score on top; a later index must be above it

    public BestMatches(int k)
    {
        heap = new long[k];
        Array.Fill(heap, long.MinValue);
    }

    /// <summary>Takes count &lt;= 64 finite scores of the indices first, first + 1, ...; 64 can be read.</summary>
    public void Offer(float* scores, int first, int count)
    {
        for (int begin = 0; begin < count; begin += 16)
        {
            ulong above = Vector512.GreaterThan(Vector512.Load(scores + begin), Vector512.Create(threshold))
                .ExtractMostSignificantBits();
            for (; above != 0; above &= above - 1)
            {
                int i = begin + System.Numerics.BitOperations.TrailingZeroCount(above);
                if (i < count && scores[i] > threshold)
                {
                    Replace(Key(scores[i], first + i));
                }
            }
        }
    }

    /// <summary>Writes the matches, the best first. At least k scores must have been offered; ends the heap.</summary>
    public void Write(Span<int> indices, Span<float> scores)
    {
        Array.Sort(heap);
        for (int i = 0; i < heap.Length; i++)
        {
            long key = heap[^(i + 1)];
            (indices[i], scores[i]) = (~(int)key, Score(key));
        }
    }

    private static long Key(float score, int index)
    {
        int bits = BitConverter.SingleToInt32Bits(score + 0f); // no -0, which would be below 0
        return ((long)(bits ^ ((bits >> 31) & int.MaxValue)) << 32) | (uint)~index;
    }

    private static float Score(long key)
    {
        int ordered = (int)(key >> 32);
        return BitConverter.Int32BitsToSingle(ordered ^ ((ordered >> 31) & int.MaxValue));
    }

    private void Replace(long key)
    {
        int parent = 0;
        for (int child = 1; child < heap.Length; child = (2 * parent) + 1)
        {
            if (child + 1 < heap.Length && heap[child + 1] < heap[child])
            {
                child++;
            }

            if (key <= heap[child])
            {
                break;
            }

            heap[parent] = heap[child];
            parent = child;
        }

        heap[parent] = key;
        threshold = heap[0] == long.MinValue ? float.NegativeInfinity : Score(heap[0]);
    }
}
