using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FeatureTransform.Training.Data;

/// <summary>
/// The horizontal pass of a resize, sixteen outputs at a time. The inputs of a tap of these outputs are lanes of two vectors that
/// lie one after the other. Where they spread over more (when an image is made much smaller), the outputs are treated in parts,
/// the weights of the others being zero. Owns its scratch: one object per thread.
/// </summary>
internal sealed unsafe class PlaneColumns
{
    /// <summary>Floats that are read from an input on.</summary>
    public const int Reach = 2 * Lanes;

    private const int Lanes = PlanarImage.Lanes;

    private readonly List<Part> _parts = [];
    private AlignedFloats _weights = new(0);

    /// <summary>Whether the processor chooses lanes of two vectors; otherwise there is <see cref="PixelColumns"/>.</summary>
    public static bool IsSupported => Avx512BW.IsSupported;

    /// <summary>Takes over the weights of <paramref name="axis"/>.</summary>
    /// <param name="axis">The columns.</param>
    /// <param name="outputs">Number of outputs.</param>
    public void Fill(ResampleAxis axis, int outputs)
    {
        _parts.Clear();
        AlignedFloats.Reserve(ref _weights, (outputs + Lanes - 1) / Lanes * Lanes * Lanes * axis.Taps);
        float* weights = _weights.Pointer;
        Span<int> lanes = stackalloc int[Lanes];
        for (int x = 0; x < outputs; x += Lanes)
        {
            int end = Math.Min(x + Lanes, outputs), used = TensorPrimitives.Max(axis.Count[x..end]);
            for (int tap = 0; tap < used; tap += Lanes)
            {
                int taps = Math.Min(Lanes, used - tap);
                for (int first = x; first < end;)
                {
                    int next = End(axis.Start, first, end, Reach - taps), low = Math.Min(axis.Start[first], axis.Start[next - 1]);
                    lanes.Clear();
                    new Span<float>(weights, taps * Lanes).Clear();
                    for (int i = first; i < next; i++)
                    {
                        lanes[i - x] = axis.Start[i] - low;
                        for (int t = 0; t < taps; t++)
                        {
                            weights[(t * Lanes) + i - x] = axis.Weights[(i * axis.Taps) + tap + t];
                        }
                    }

                    _parts.Add(new Part(Vector512.Create<int>(lanes), low + tap, taps, next == end && tap + taps == used));
                    weights += taps * Lanes;
                    first = next;
                }
            }
        }
    }

    /// <summary>Writes row <paramref name="y"/> of an image.</summary>
    /// <param name="red">Red of the inputs; green and blue follow. <see cref="Reach"/> floats can be read from each on.</param>
    /// <param name="pitch">Floats from a colour to the next.</param>
    /// <param name="image">The image.</param>
    /// <param name="y">The row.</param>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void Apply(float* red, nint pitch, PlanarImage image, int y)
    {
        float* result = image.Red + (y * image.Stride), weights = _weights.Pointer;
        nint plane = image.PlaneLength;
        Vector512<float> r = default, g = default, b = default;
        foreach (ref readonly Part part in CollectionsMarshal.AsSpan(_parts))
        {
            float* pr = red + part.Start, pg = pr + pitch, pb = pg + pitch;
            Vector512<float> r0 = Vector512.Load(pr), r1 = Vector512.Load(pr + Lanes);
            Vector512<float> g0 = Vector512.Load(pg), g1 = Vector512.Load(pg + Lanes);
            Vector512<float> b0 = Vector512.Load(pb), b1 = Vector512.Load(pb + Lanes);
            Vector512<int> lanes = part.Lanes;
            for (float* end = weights + (part.Taps * Lanes); weights < end; weights += Lanes)
            {
                Vector512<float> weight = Vector512.Load(weights);
                r = Vector512.FusedMultiplyAdd(Avx512F.PermuteVar16x32x2(r0, lanes, r1), weight, r);
                g = Vector512.FusedMultiplyAdd(Avx512F.PermuteVar16x32x2(g0, lanes, g1), weight, g);
                b = Vector512.FusedMultiplyAdd(Avx512F.PermuteVar16x32x2(b0, lanes, b1), weight, b);
                lanes += Vector512<int>.One;
            }

            if (part.IsLast)
            {
                r.Store(result);
                g.Store(result + plane);
                b.Store(result + (2 * plane));
                (r, g, b) = (default, default, default);
                result += Lanes;
            }
        }
    }

    /// <summary>End of the outputs from <paramref name="first"/> on that start within a distance; starts rise or fall.</summary>
    private static int End(ReadOnlySpan<int> start, int first, int end, int distance)
    {
        int next = first + 1;
        while (next < end && Math.Abs(start[next] - start[first]) <= distance)
        {
            next++;
        }

        return next;
    }

    /// <summary>Some taps of some of sixteen outputs.</summary>
    /// <param name="Lanes">Where the input of the first tap lies from <paramref name="Start"/> on.</param>
    /// <param name="Start">First input.</param>
    /// <param name="Taps">Number of taps.</param>
    /// <param name="IsLast">Whether it is the last part of the sixteen outputs.</param>
    private readonly record struct Part(Vector512<int> Lanes, int Start, int Taps, bool IsLast);
}
