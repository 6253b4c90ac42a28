using System.Runtime.Intrinsics;

namespace FeatureTransform.Training.Data;

/// <summary>
/// The horizontal pass of a resize, a pixel (red, green, blue and one float unused) at a time: for processors without the
/// instructions of <see cref="PlaneColumns"/>. Owns its scratch: one object per thread.
/// </summary>
internal sealed unsafe class PixelColumns
{
    private AlignedFloats _pixels = new(0);

    /// <summary>Floats read after the last pixel: a pixel is read as four, and outputs of a group read as many taps.</summary>
    public static int Overrun(ResampleAxis axis) => ((axis.Taps + 1) * 3) + 1;

    /// <summary>Writes row <paramref name="y"/> of an image.</summary>
    /// <param name="axis">The columns.</param>
    /// <param name="pixels">The inputs.</param>
    /// <param name="image">The image.</param>
    /// <param name="y">The row.</param>
    public void Apply(ResampleAxis axis, float* pixels, PlanarImage image, int y)
    {
        AlignedFloats.Reserve(ref _pixels, (image.Stride * 3) + 1);
        Sum(axis, pixels, image.Size, _pixels.Pointer);
        PixelLayout.ToPlanes(_pixels.Pointer, image, y);
    }

    /// <summary>Pixel x of the result = sum over t of weight (x, t) times input start(x) + t.</summary>
    private static void Sum(ResampleAxis axis, float* inputs, int size, float* pixels)
    {
        int taps = axis.Taps;
        float* weights = axis.Weights;
        fixed (int* start = axis.Start, count = axis.Count)
        {
            for (int x = 0; x < size; x += ResampleAxis.Group)
            {
                Vector128<float> a = default, b = default, c = default, d = default;
                float* w = weights + (x * taps);
                float* pa = inputs + (start[x] * 3), pb = inputs + (start[x + 1] * 3);
                float* pc = inputs + (start[x + 2] * 3), pd = inputs + (start[x + 3] * 3);
                int used = Math.Max(Math.Max(count[x], count[x + 1]), Math.Max(count[x + 2], count[x + 3]));
                for (int t = 0; t < used; t++, w++)
                {
                    a = Vector128.FusedMultiplyAdd(Vector128.Load(pa + (3 * t)), Vector128.Create(w[0]), a);
                    b = Vector128.FusedMultiplyAdd(Vector128.Load(pb + (3 * t)), Vector128.Create(w[taps]), b);
                    c = Vector128.FusedMultiplyAdd(Vector128.Load(pc + (3 * t)), Vector128.Create(w[2 * taps]), c);
                    d = Vector128.FusedMultiplyAdd(Vector128.Load(pd + (3 * t)), Vector128.Create(w[3 * taps]), d);
                }

                // Each store leaves a float too many, which the next one overwrites.
                a.Store(pixels + (x * 3));
                b.Store(pixels + (x * 3) + 3);
                c.Store(pixels + (x * 3) + 6);
                d.Store(pixels + (x * 3) + 9);
            }
        }
    }
}
