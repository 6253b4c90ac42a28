using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FeatureTransform.Training.Data;

/// <summary>
/// torchvision's gaussian_blur, in place: a separable kernel of 2 r + 1 taps exp(-t^2 / (2 sigma^2)) divided by their sum, the
/// image mirrored at its edge pixels. The kernel has about a tenth of the image's size, as in SimCLR. Owns its scratch: one
/// object per thread. Its loops are not inlined, as those of <see cref="Resampler"/>.
/// </summary>
internal sealed unsafe class GaussianBlur
{
    private const int Lanes = PlanarImage.Lanes;
    private const int Rows = 4; // that are blurred at a time

    // Taps below this share of the middle one are lost in the rounding of fp32.
    private const double Negligible = 1.0 / (1 << 30);

    private readonly int _size;
    private readonly int _radius;
    private readonly AlignedFloats _weights;

    // Four rows with their mirrored ends, and a plane of blurred rows, mirrored ones above and below.
    private readonly int _margin;
    private readonly int _lineLength;
    private readonly AlignedFloats _lines;
    private readonly int _stride;
    private readonly AlignedFloats _rows;

    /// <summary>For images of <paramref name="size"/> x <paramref name="size"/> pixels.</summary>
    public GaussianBlur(int size)
    {
        _size = size;
        _radius = Radius(size);
        _weights = new AlignedFloats(_radius + 1);
        _stride = RoundUp(size);
        _margin = RoundUp(_radius);
        _lineLength = _stride + (2 * _margin);
        _lines = new AlignedFloats(Rows * _lineLength);
        _rows = new AlignedFloats((size + (2 * _radius)) * _stride);
    }

    /// <summary>r for an image size: 11 (a kernel of 23) at 224 pixels.</summary>
    public static int Radius(int size) => size / 20;

    /// <summary>Blurs an image of the size given to the constructor.</summary>
    /// <param name="image">The image.</param>
    /// <param name="sigma">Standard deviation in pixels, positive.</param>
    public void Apply(PlanarImage image, float sigma)
    {
        int radius = FillWeights(sigma);
        if (radius == 0)
        {
            return;
        }

        // The last rows may be blurred twice: from other memory, to the same values. A radius needs at least 20 rows.
        float* blurred = _rows.Pointer + (_radius * _stride);
        for (int channel = 0; channel < 3; channel++)
        {
            float* plane = image.Red + (channel * image.PlaneLength);
            for (int y = 0; y < _size; y += Rows)
            {
                int at = Math.Min(y, _size - Rows) * _stride;
                BlurRows(plane + at, radius, blurred + at);
            }

            for (int t = 1; t <= radius; t++)
            {
                Copy(blurred + (t * _stride), blurred - (t * _stride));
                Copy(blurred + ((_size - 1 - t) * _stride), blurred + ((_size - 1 + t) * _stride));
            }

            for (int y = 0; y < _size; y += 2)
            {
                int at = Math.Min(y, _size - 2) * _stride;
                BlurColumns(blurred + at, radius, plane + at);
            }
        }
    }

    private static int RoundUp(int value) => (value + Lanes - 1) / Lanes * Lanes;

    private static double Weight(int t, double sigma) => Math.Exp(-0.5 * t * t / (sigma * sigma));

    /// <summary>The middle weight and those to one side of it; gives the radius up to which they count.</summary>
    private int FillWeights(double sigma)
    {
        double sum = 1;
        int radius = 0;
        for (int t = 1; t <= _radius; t++)
        {
            double weight = Weight(t, sigma);
            sum += 2 * weight;
            radius = weight > Negligible ? t : radius;
        }

        for (int t = 0; t <= radius; t++)
        {
            _weights.Pointer[t] = (float)(Weight(t, sigma) / sum);
        }

        return radius;
    }

    /// <summary>
    /// Taps to the right of a pixel are put together of two vectors that start at a cache line: loading all taps, of which few
    /// start there, is slower, and so is putting all together.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void BlurRows(float* rows, int radius, float* result)
    {
        float* weights = _weights.Pointer, line = _lines.Pointer + _margin;
        for (int y = 0; y < Rows; y++)
        {
            FillLine(rows + (y * _stride), radius, line + (y * _lineLength));
        }

        for (int x = 0; x < _stride; x += Lanes)
        {
            float* p0 = line + x, p1 = p0 + _lineLength, p2 = p1 + _lineLength, p3 = p2 + _lineLength;
            Vector512<float> middle = Vector512.Create(weights[0]);
            Vector512<float> s0 = middle * Vector512.Load(p0), s1 = middle * Vector512.Load(p1);
            Vector512<float> s2 = middle * Vector512.Load(p2), s3 = middle * Vector512.Load(p3);
            for (int near = 0; near < radius; near += Lanes)
            {
                Vector512<float> a0 = Vector512.Load(p0 + near), b0 = Vector512.Load(p0 + near + Lanes);
                Vector512<float> a1 = Vector512.Load(p1 + near), b1 = Vector512.Load(p1 + near + Lanes);
                Vector512<float> a2 = Vector512.Load(p2 + near), b2 = Vector512.Load(p2 + near + Lanes);
                Vector512<float> a3 = Vector512.Load(p3 + near), b3 = Vector512.Load(p3 + near + Lanes);
                Vector512<int> lanes = Vector512<int>.Indices;
                nint far = Math.Min(near + Lanes, radius);
                for (nint t = near + 1; t <= far; t++)
                {
                    nint back = -t; // as an index: no pointer need be computed
                    Vector512<float> weight = Vector512.Create(weights[t]);
                    lanes += Vector512<int>.One;
                    s0 = Vector512.FusedMultiplyAdd(weight, Vector512.Load(p0 + back) + Select(a0, b0, lanes, p0 + t), s0);
                    s1 = Vector512.FusedMultiplyAdd(weight, Vector512.Load(p1 + back) + Select(a1, b1, lanes, p1 + t), s1);
                    s2 = Vector512.FusedMultiplyAdd(weight, Vector512.Load(p2 + back) + Select(a2, b2, lanes, p2 + t), s2);
                    s3 = Vector512.FusedMultiplyAdd(weight, Vector512.Load(p3 + back) + Select(a3, b3, lanes, p3 + t), s3);
                }
            }

            s0.Store(result + x);
            s1.Store(result + x + _stride);
            s2.Store(result + x + (2 * _stride));
            s3.Store(result + x + (3 * _stride));
        }
    }

    private void FillLine(float* row, int radius, float* line)
    {
        Copy(row, line);
        for (int t = 1; t <= radius; t++)
        {
            line[-t] = line[t];
            line[_size - 1 + t] = line[_size - 1 - t];
        }
    }

    private void Copy(float* from, float* to)
    {
        for (int x = 0; x < _stride; x += Lanes)
        {
            Vector512.Load(from + x).Store(to + x);
        }
    }

    /// <summary>The lanes of (a, b), or what they are where the processor does not choose from two vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Select(Vector512<float> a, Vector512<float> b, Vector512<int> lanes, float* chosen) =>
        Avx512F.IsSupported ? Avx512F.PermuteVar16x32x2(a, lanes, b) : Vector512.Load(chosen);

    /// <summary>Two rows at a time: taps of one are those of the other, one row on, so that a tap of both is two loads.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void BlurColumns(float* rows, int radius, float* result)
    {
        float* weights = _weights.Pointer;
        nint stride = _stride;
        for (nint x = 0; x < stride; x += Lanes, rows += Lanes, result += Lanes)
        {
            float* above = rows, below = rows + stride;
            Vector512<float> a0 = Vector512.Load(above), a1 = Vector512.Load(below), b0 = a0, b1 = a1;
            Vector512<float> s0 = Vector512.Create(weights[0]) * a0, s1 = Vector512.Create(weights[0]) * a1;
            for (nint t = 1; t <= radius; t++)
            {
                above -= stride;
                below += stride;
                (a1, a0) = (a0, Vector512.Load(above));
                (b0, b1) = (b1, Vector512.Load(below));
                Vector512<float> weight = Vector512.Create(weights[t]);
                s0 = Vector512.FusedMultiplyAdd(weight, a0 + b0, s0);
                s1 = Vector512.FusedMultiplyAdd(weight, a1 + b1, s1);
            }

            s0.Store(result);
            s1.Store(result + stride);
        }
    }
}
