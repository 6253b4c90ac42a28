using System.Numerics;
using FeatureTransform.Training.Data;
using Xunit;

namespace FeatureTransform.Training.Tests.Data;

public sealed class SyntheticImagesTests
{
    [Fact]
    public void An_image_depends_on_seed_split_and_index_alone()
    {
        RgbImage[] parallel = new RgbImage[50];
        Parallel.For(0, parallel.Length, i => parallel[parallel.Length - 1 - i] = SyntheticImages.Train(5, parallel.Length - 1 - i));
        for (int i = 0; i < parallel.Length; i++)
        {
            byte[] pixels = SyntheticImages.Train(5, i).Pixels.ToArray();
            Assert.Equal(pixels, parallel[i].Pixels.ToArray());
            Assert.NotEqual(pixels, SyntheticImages.Train(6, i).Pixels.ToArray());
            Assert.NotEqual(pixels, SyntheticImages.Test(5, i).Pixels.ToArray());
            Assert.Equal(i % 10, parallel[i].Label);
        }
    }

    [Fact]
    public void Shapes_have_the_areas_of_geometry()
    {
        // By counting grid points inside; the outlines fit in the unit disc but for the arms of the cross.
        double tenth = Math.PI / 5;
        (string Name, double Area)[] expected =
        [
            ("discs", Math.PI * 0.85 * 0.85), ("rings", Math.PI * (0.94 * 0.94 - 0.5 * 0.5)), ("squares", 1.44 * 1.44),
            ("crosses", (2 * 1.9 * 0.56) - (0.56 * 0.56)), ("triangles", 0.5 * 0.5 * 3 * Math.Sqrt(3)),
            ("stars", 10 * 0.5 * 0.42 * Math.Sin(tenth)),
        ];
        const int grid = 800;
        foreach ((string name, double area) in expected)
        {
            int label = SyntheticPattern.Names.ToList().IndexOf(name), inside = 0;
            for (int i = 0; i < grid * grid; i++)
            {
                (float x, float y) = ((((i % grid) + 0.5f) * 2.4f / grid) - 1.2f, (((i / grid) + 0.5f) * 2.4f / grid) - 1.2f);
                inside += SyntheticPattern.Shape(label, x, y) < 0 ? 1 : 0;
            }

            Assert.Equal(area, inside * (2.4 / grid) * (2.4 / grid), 0.01);
        }
    }

    [Fact]
    public void Textures_cover_half_the_plane()
    {
        for (int label = 0; label < SyntheticPattern.Names.Count; label++)
        {
            if (SyntheticPattern.IsTexture(label))
            {
                // Four periods each way; two different primes, so that no edge runs along the sample points.
                const int across = 397, down = 401;
                int inside = Enumerable.Range(0, across * down).Count(
                    i => SyntheticPattern.Texture(label, (i % across + 0.5f) * 4 / across, (i / across + 0.5f) * 4 / down) < 0);
                Assert.Equal(0.5, inside / (double)(across * down), 0.005);
            }
        }
    }

    /// <summary>The set must be a task: a cosine k-NN on pixels, vote exp(s / 0.07), stays far below a trained encoder.</summary>
    [Fact]
    public void Pixels_tell_little_of_the_class()
    {
        const int bank = 2000, tests = 200, k = 40;
        float[][] train = [.. Enumerable.Range(0, bank).Select(i => Unit(SyntheticImages.Train(1, i)))];
        int correct = 0;
        for (int i = 0; i < tests; i++)
        {
            float[] query = Unit(SyntheticImages.Test(1, i));
            double[] votes = new double[10];
            foreach ((int index, float score) in train.Select((row, j) => (j, Dot(row, query))).OrderByDescending(pair => pair.Item2).Take(k))
            {
                votes[index % 10] += Math.Exp(score / 0.07);
            }

            correct += Array.IndexOf(votes, votes.Max()) == i % 10 ? 1 : 0;
        }

        Assert.InRange(correct, 1, tests * 35 / 100);
    }

    private static float[] Unit(RgbImage image)
    {
        float[] row = [.. image.Pixels.ToArray().Select(value => (value / 255f) - 0.5f)];
        float length = MathF.Sqrt(Dot(row, row));
        return Array.ConvertAll(row, value => value / length);
    }

    private static float Dot(float[] a, float[] b)
    {
        Vector<float> sum = Vector<float>.Zero;
        for (int i = 0; i < a.Length; i += Vector<float>.Count)
        {
            sum += new Vector<float>(a, i) * new Vector<float>(b, i);
        }

        return Vector.Sum(sum);
    }
}
