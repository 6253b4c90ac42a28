using Xunit;

namespace FeatureTransform.Native.Tests;

public sealed class FeatureQueueTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(7, 3)]
    [InlineData(7, 7)]
    [InlineData(257, 31)]
    public void The_newest_keys_replace_the_oldest_rows(int k, int n)
    {
        const int c = 5;
        var queue = new FeatureQueue(k, c);
        queue.Initialize(1);
        var expected = new List<float[]>();
        for (int j = 0; j < k; j++)
        {
            expected.Add(queue.Float32.Slice(j * c, c).ToArray());
        }

        int position = 0;
        for (int step = 0; step < 4; step++)
        {
            float[] keys = [.. Enumerable.Range(0, n * c).Select(i => (step * 1000f) + i)];
            queue.Enqueue(keys);
            for (int i = 0; i < n; i++, position++)
            {
                expected[position % k] = keys[(i * c)..((i + 1) * c)];
            }

            Assert.Equal(position % k, queue.Position);
            Assert.Equal(expected.SelectMany(row => row), queue.Float32.ToArray());
        }
    }

    [Theory]
    [InlineData(ElementType.Float32, 1e-6)]
    [InlineData(ElementType.BFloat16, 4e-3)]
    public void Initial_rows_have_unit_length_and_point_everywhere(ElementType type, double tolerance)
    {
        const int k = 2000, c = 16;
        var queue = new FeatureQueue(k, c, type);
        queue.Initialize(3);
        var mean = new double[c];
        for (int j = 0; j < k; j++)
        {
            double square = 0;
            for (int i = 0; i < c; i++)
            {
                double value = type == ElementType.Float32
                    ? queue.Float32[(j * c) + i]
                    : BitConverter.UInt32BitsToSingle((uint)queue.BFloat16[(j * c) + i] << 16);
                square += value * value;
                mean[i] += value / k;
            }

            Assert.Equal(1, Math.Sqrt(square), tolerance);
        }

        // A channel's mean has deviation 1 / sqrt(C K) = 0.0056.
        Assert.All(mean, m => Assert.InRange(m, -0.025, 0.025));
    }

    [Theory]
    [InlineData(1f, 0x3f80)]
    [InlineData(1.00390625f, 0x3f80)] // a tie goes to even
    [InlineData(1.01171875f, 0x3f82)]
    [InlineData(-0.0f, 0x8000)]
    [InlineData(float.PositiveInfinity, 0x7f80)]
    [InlineData(float.NaN, 0x7fc0)]
    public void Bfloat16_rounds_to_nearest_even(float value, int bits)
    {
        var queue = new FeatureQueue(1, 1, ElementType.BFloat16);
        queue.Enqueue([value]);
        Assert.Equal(bits, queue.BFloat16[0]);
    }

    [Fact]
    public void A_restored_queue_goes_on_as_the_saved_one()
    {
        var queue = new FeatureQueue(5, 2, ElementType.BFloat16);
        queue.Initialize(1);
        queue.Enqueue([1, 2, 3, 4, 5, 6]);
        var copy = new FeatureQueue(5, 2, ElementType.BFloat16);
        copy.Restore(queue.Bytes, queue.Position);
        queue.Enqueue([7, 8, 9, 10, 11, 12]);
        copy.Enqueue([7, 8, 9, 10, 11, 12]);
        Assert.Equal(queue.Bytes.ToArray(), copy.Bytes.ToArray());
        Assert.Equal(1, copy.Position);
    }

    [Fact]
    public void Says_what_does_not_fit()
    {
        var queue = new FeatureQueue(4, 3);
        Assert.Contains("N x 3", Assert.Throws<ArgumentException>(() => queue.Enqueue(new float[4])).Message);
        Assert.Contains("at most 4", Assert.Throws<ArgumentException>(() => queue.Enqueue(new float[15])).Message);
        Assert.Contains("48 bytes", Assert.Throws<ArgumentException>(() => queue.Restore(new byte[47], 0)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => queue.Restore(new byte[48], 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => new FeatureQueue(0, 3));
    }
}
