using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FeatureTransform.Training.Data;

/// <summary>
/// torchvision's gaussian_blur, in place: a separable kernel of 2 r + 1 taps exp(-t^2 / (2 sigma^2)) divided by their sum, the
/// image mirrored at its edge pixels. The kernel has about a tenth of the image's size, as in SimCLR. Owns its scratch: one
/// object per thread.
/// </summary>
internal sealed unsafe class GaussianBlur
{
    private const int Lanes = PlanarImage.Lanes;

    // Taps below this share of the middle one are lost in the rounding of fp32.
    private const double Negligible = 1.0 / (1 << 30);

    private readonly int _size;
    private readonly int _radius;
    private readonly AlignedFloats _weights;
    private readonly AlignedFloats _line;

    /// <summary>For images of <paramref name="size"/> x <paramref name="size"/> pixels.</summary>
    public GaussianBlur(int size)
    {
        _size = size;
        _radius = Radius(size);
        _weights = new AlignedFloats(_radius + 1);
        _line = new AlignedFloats((size + (2 * _radius) + 1) * Lanes);
    }

    /// <summary>r for an image size: 11 (a kernel of 23) at 224 pixels.</summary>
    public static int Radius(int size) => size / 20;

    /// <summary>Blurs an image of the size given to the constructor.</summary>
    /// <param name="image">The image.</param>
    /// <param name="sigma">Standard deviation in pixels, positive.</param>
    public void Apply(PlanarImage image, float sigma)
    {
        int radius = FillWeights(sigma);
        for (int channel = 0; channel < 3; channel++)
        {
            float* plane = image.Red + (channel * image.PlaneLength);
            for (int y = 0; y < _size; y++)
            {
                BlurRow(plane + ((long)y * image.Stride), image.Stride, radius);
            }

            for (int x = 0; x < image.Stride; x += Lanes)
            {
                BlurColumns(plane + x, image.Stride, radius);
            }
        }
    }

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

    private static double Weight(int t, double sigma) => Math.Exp(-0.5 * t * t / (sigma * sigma));

    private void BlurRow(float* row, int stride, int radius)
    {
        float* line = _line.Pointer + _radius;
        for (int x = 0; x < stride; x += Lanes)
        {
            Vector512.Load(row + x).Store(line + x);
        }

        for (int t = 1; t <= radius; t++)
        {
            line[-t] = line[t];
            line[_size - 1 + t] = line[_size - 1 - t];
        }

        for (int x = 0; x < stride; x += Lanes)
        {
            Sum(line + x, 1, radius).Store(row + x);
        }
    }

    /// <summary>Sixteen columns at a time, copied to a strip that fits the nearest cache.</summary>
    private void BlurColumns(float* columns, int stride, int radius)
    {
        float* strip = _line.Pointer + (_radius * Lanes);
        for (int y = 0; y < _size; y++)
        {
            Vector512.Load(columns + ((long)y * stride)).Store(strip + (y * Lanes));
        }

        for (int t = 1; t <= radius; t++)
        {
            Vector512.Load(strip + (t * Lanes)).Store(strip - (t * Lanes));
            Vector512.Load(strip + ((_size - 1 - t) * Lanes)).Store(strip + ((_size - 1 + t) * Lanes));
        }

        for (int y = 0; y < _size; y++)
        {
            Sum(strip + (y * Lanes), Lanes, radius).Store(columns + ((long)y * stride));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector512<float> Sum(float* middle, int step, int radius)
    {
        float* weights = _weights.Pointer;
        Vector512<float> sum = Vector512.Create(weights[0]) * Vector512.Load(middle);
        for (int t = 1; t <= radius; t++)
        {
            Vector512<float> pair = Vector512.Load(middle - (t * step)) + Vector512.Load(middle + (t * step));
            sum = Vector512.FusedMultiplyAdd(Vector512.Create(weights[t]), pair, sum);
        }

        return sum;
    }
}
