namespace FeatureTransform.Training.Data;

/// <summary>
/// The classes of the synthetic set as signed distance functions: negative inside, positive outside, with a slope of about
/// one, so that an edge can be drawn with a soft border of one pixel.
/// </summary>
internal static class SyntheticPattern
{
    /// <summary>Names of the classes in the order of the labels. The textures fill the plane; the others are outlines.</summary>
    public static readonly IReadOnlyList<string> Names =
        ["checker", "crescents", "crosses", "discs", "rings", "squares", "stars", "stripes", "triangles", "zigzag"];

    private const int Checker = 0, Crescents = 1, Crosses = 2, Discs = 3, Rings = 4, Squares = 5, Stars = 6, Stripes = 7,
        Triangles = 8, Zigzag = 9;

    /// <summary>Whether the class is one texture over the whole plane; else it is a shape that an image repeats.</summary>
    public static bool IsTexture(int label) => label is Checker or Stripes or Zigzag;

    /// <summary>Distance to the outline of a shape that fits in the unit disc.</summary>
    public static float Shape(int label, float x, float y)
    {
        float radius = MathF.Sqrt(x * x + y * y);
        switch (label)
        {
            case Crescents:
                return MathF.Max(radius - 1, 0.85f - MathF.Sqrt((x - 0.55f) * (x - 0.55f) + y * y));
            case Crosses:
                (float ax, float ay) = (MathF.Abs(x), MathF.Abs(y));
                return MathF.Min(MathF.Max(ax - 0.95f, ay - 0.28f), MathF.Max(ax - 0.28f, ay - 0.95f));
            case Discs:
                return radius - 0.85f;
            case Rings:
                return MathF.Abs(radius - 0.72f) - 0.22f;
            case Squares:
                return MathF.Max(MathF.Abs(x), MathF.Abs(y)) - 0.72f;
            case Stars:
                return Star(x, y, radius);
            case Triangles:
                const float cos30 = 0.8660254f;
                return MathF.Max(-y, 0.5f * y + cos30 * MathF.Abs(x)) - 0.5f;
            default:
                throw new ArgumentOutOfRangeException(nameof(label));
        }
    }

    /// <summary>Distance, in periods, to the edges of a texture of period 1.</summary>
    public static float Texture(int label, float x, float y) => label switch
    {
        Checker => Board(Wave(x), Wave(y)),
        Stripes => Wave(x),
        // Stripes bent by a triangle wave twice as long; the slope of the bend is 45 degrees.
        Zigzag => Wave(x + 2 * Wave(0.5f * y)) * 0.7f,
        _ => throw new ArgumentOutOfRangeException(nameof(label)),
    };

    /// <summary>Triangle wave of period 1 between -1/4 and 1/4: the distance to the edges of stripes.</summary>
    private static float Wave(float x) => MathF.Abs(x - MathF.Floor(x) - 0.5f) - 0.25f;

    private static float Board(float a, float b) => MathF.Min(MathF.Abs(a), MathF.Abs(b)) * (a * b > 0 ? 1 : -1);

    /// <summary>Five points: the angle is folded into a tenth of the circle, where one line is the outline.</summary>
    private static float Star(float x, float y, float radius)
    {
        const float tenth = MathF.PI / 5, inner = 0.42f;
        float angle = MathF.Abs(MathF.IEEERemainder(MathF.Atan2(x, y), 2 * tenth));
        (float sin, float cos) = MathF.SinCos(angle);
        (float edgeX, float edgeY) = (inner * MathF.Cos(tenth) - 1, inner * MathF.Sin(tenth));
        return (edgeY * (radius * cos - 1) - edgeX * radius * sin) / MathF.Sqrt(edgeX * edgeX + edgeY * edgeY);
    }
}
