using FeatureTransform.Native;

namespace FeatureTransform.Training.Data;

/// <summary>
/// A procedural image set that needs no download: ten classes told apart by shape and texture alone. An image repeats the
/// shape of its class over a jittered lattice, or is filled by its texture, so that a random crop keeps the class. Colour,
/// contrast (light on dark or dark on light), position, scale, rotation, background and noise are drawn anew for each image, and for
/// shapes also for each copy, so that pixels alone tell little of the class. Each image is a pure function of
/// (seed, split, index).
/// </summary>
internal static class SyntheticImages
{
    /// <summary>Side of an image in pixels.</summary>
    public const int Side = 32;

    /// <summary>Images of the training split.</summary>
    public const int TrainCount = 10_000;

    /// <summary>Images of the test split.</summary>
    public const int TestCount = 2_000;

    private const float MinimumPeriod = 9, MaximumPeriod = 16; // pixels from one copy to the next
    private const float MinimumContrast = 0.22f;
    private const int LatticeSide = 8; // the lattice of copies repeats after these many, more than fit in an image

    private const float WordToUnit = 1 / 4294967296f;

    /// <summary>Rank of the random numbers of the two splits.</summary>
    private const uint TrainRank = 0, TestRank = 1;

    /// <summary>Label of image <paramref name="index"/> of either split: the classes take turns.</summary>
    public static int Label(int index) => index % SyntheticPattern.Names.Count;

    /// <summary>Image <paramref name="index"/> of the training split.</summary>
    public static RgbImage Train(ulong seed, int index) => Render(seed, TrainRank, index);

    /// <summary>Image <paramref name="index"/> of the test split.</summary>
    public static RgbImage Test(ulong seed, int index) => Render(seed, TestRank, index);

    private static RgbImage Render(ulong seed, uint rank, int index)
    {
        int label = Label(index);
        var random = new Draws(seed, rank, index);
        var pixels = new byte[Side * Side * 3];
        var background = new Background(ref random);
        var pattern = new Pattern(label, background.Luminance, ref random);
        float noise = random.Next(4, 24);
        for (int y = 0, p = 0; y < Side; y++)
        {
            for (int x = 0; x < Side; x++, p += 3)
            {
                Color below = background.At(x, y);
                float coverage = pattern.Coverage(x, y, out Color above);
                PhiloxBlock speckle = random.NextBlock();
                pixels[p] = ToByte(below.R + coverage * (above.R - below.R), noise, speckle.X);
                pixels[p + 1] = ToByte(below.G + coverage * (above.G - below.G), noise, speckle.Y);
                pixels[p + 2] = ToByte(below.B + coverage * (above.B - below.B), noise, speckle.Z);
            }
        }

        return new RgbImage(pixels, Side, Side, label);
    }

    private static byte ToByte(float value, float noise, uint word) =>
        (byte)Math.Clamp(value * 255 + noise * (word * WordToUnit - 0.5f) + 0.5f, 0, 255);

    private readonly record struct Color(float R, float G, float B);

    /// <summary>The random words of one image, in order.</summary>
    private struct Draws(ulong seed, uint rank, int index)
    {
        private uint block;

        public PhiloxBlock NextBlock() => Philox.Block(seed, block++, RandomUse.ImageSet, (ulong)index, rank);

        public float Next(float low, float high) => low + (high - low) * (NextBlock().X * WordToUnit);

        /// <summary>A colour of this luminance and a random hue: the three offsets add up to zero.</summary>
        public Color NextColor(float luminance)
        {
            float hue = Next(0, 2 * MathF.PI), strength = Next(0, 0.35f);
            return new Color(
                luminance + strength * MathF.Cos(hue),
                luminance + strength * MathF.Cos(hue - 2 * MathF.PI / 3),
                luminance + strength * MathF.Cos(hue + 2 * MathF.PI / 3));
        }
    }

    /// <summary>A colour gradient between four corners.</summary>
    private readonly struct Background
    {
        private readonly Color topLeft, topRight, bottomLeft, bottomRight;

        public Background(ref Draws random)
        {
            Luminance = random.Next(0.15f, 0.85f);
            topLeft = random.NextColor(Luminance + random.Next(-0.1f, 0.1f));
            topRight = random.NextColor(Luminance + random.Next(-0.1f, 0.1f));
            bottomLeft = random.NextColor(Luminance + random.Next(-0.1f, 0.1f));
            bottomRight = random.NextColor(Luminance + random.Next(-0.1f, 0.1f));
        }

        public float Luminance { get; }

        public Color At(int x, int y)
        {
            float u = (x + 0.5f) / Side, v = (y + 0.5f) / Side;
            float a = (1 - u) * (1 - v), b = u * (1 - v), c = (1 - u) * v, d = u * v;
            return new Color(
                a * topLeft.R + b * topRight.R + c * bottomLeft.R + d * bottomRight.R,
                a * topLeft.G + b * topRight.G + c * bottomLeft.G + d * bottomRight.G,
                a * topLeft.B + b * topRight.B + c * bottomLeft.B + d * bottomRight.B);
        }
    }

    /// <summary>One copy of the shape in its cell: offset from the centre, turn and size, all in cells.</summary>
    private readonly record struct Copy(float X, float Y, float Cos, float Sin, float Radius, Color Color);

    /// <summary>The class of the image, as drawn in it.</summary>
    private readonly struct Pattern
    {
        private readonly int label;
        private readonly float originX, originY, cos, sin, period, rowShift;
        private readonly Copy[] copies;

        public Pattern(int label, float backgroundLuminance, ref Draws random)
        {
            this.label = label;
            (sin, cos) = MathF.SinCos(random.Next(0, 2 * MathF.PI));
            period = random.Next(MinimumPeriod, MaximumPeriod);
            (originX, originY) = (random.Next(0, LatticeSide), random.Next(0, LatticeSide));
            rowShift = random.Next(0, 1);

            // Lighter or darker than the background, whichever leaves room for the contrast, or either where both do.
            bool lighter = backgroundLuminance < 0.4f || (backgroundLuminance < 0.6f && random.Next(0, 1) < 0.5f);
            copies = new Copy[SyntheticPattern.IsTexture(label) ? 1 : LatticeSide * LatticeSide];
            for (int i = 0; i < copies.Length; i++)
            {
                float luminance = lighter
                    ? random.Next(backgroundLuminance + MinimumContrast + 0.1f, 1)
                    : random.Next(0, backgroundLuminance - MinimumContrast - 0.1f);
                (float turnSin, float turnCos) = MathF.SinCos(random.Next(0, 2 * MathF.PI));
                copies[i] = new Copy(
                    random.Next(-0.06f, 0.06f), random.Next(-0.06f, 0.06f), turnCos, turnSin, random.Next(0.34f, 0.44f),
                    random.NextColor(luminance));
            }
        }

        /// <summary>Share of the pixel that the pattern covers, and the colour of the pattern there.</summary>
        public float Coverage(int x, int y, out Color color)
        {
            float u = (cos * x - sin * y) / period + originX, v = (sin * x + cos * y) / period + originY;
            float distance; // in pixels
            if (copies.Length == 1)
            {
                color = copies[0].Color;
                distance = SyntheticPattern.Texture(label, u, v) * period;
            }
            else
            {
                int row = (int)MathF.Floor(v);
                u += row * rowShift;
                int column = (int)MathF.Floor(u);
                Copy copy = copies[(row & (LatticeSide - 1)) * LatticeSide + (column & (LatticeSide - 1))];
                color = copy.Color;
                float dx = u - column - 0.5f - copy.X, dy = v - row - 0.5f - copy.Y;
                distance = SyntheticPattern.Shape(
                    label, (copy.Cos * dx - copy.Sin * dy) / copy.Radius, (copy.Sin * dx + copy.Cos * dy) / copy.Radius) * copy.Radius * period;
            }

            return Math.Clamp(0.5f - distance, 0, 1);
        }
    }
}
