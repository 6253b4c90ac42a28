using FeatureTransform.Native;
using FeatureTransform.Native.Cuda;

namespace FeatureTransform.Training.Data;

/// <summary>A rectangle of pixels.</summary>
internal readonly record struct PixelRectangle(int Left, int Top, int Width, int Height);

/// <summary>
/// The random choices behind one view. They are drawn in double from Philox blocks of
/// <see cref="RandomUse.Augmentation"/> whose step is the epoch and whose index is (image index, view, draw); a draw that is
/// not used is skipped and never moves another.
/// </summary>
internal readonly record struct ViewParameters
{
    // Index: image index in bits 24..63, view in bits 16..23, draw in bits 0..15.
    private const int ImageShift = 24, ViewShift = 16;
    private const int CropTries = 10;

    // Draws 0..9 are the tries of the crop.
    private const int SwitchDraw = 10, JitterDraw = 11, RestDraw = 12;

    /// <summary>Operations of the colour jitter.</summary>
    public const int JitterOperations = 4;

    /// <summary>Part of the image that is resized to the view.</summary>
    public PixelRectangle Crop { get; private init; }

    /// <summary>Whether the view is mirrored left to right.</summary>
    public bool Flip { get; private init; }

    /// <summary>Whether the four jitter operations happen.</summary>
    public bool Jitter { get; private init; }

    /// <summary>Which of the 24 orders of (brightness, contrast, saturation, hue) the jitter has.</summary>
    public int JitterOrder { get; private init; }

    /// <summary>Brightness factor.</summary>
    public float Brightness { get; private init; }

    /// <summary>Contrast factor.</summary>
    public float Contrast { get; private init; }

    /// <summary>Saturation factor.</summary>
    public float Saturation { get; private init; }

    /// <summary>Hue shift in turns.</summary>
    public float Hue { get; private init; }

    /// <summary>Whether the view loses its colour.</summary>
    public bool Grayscale { get; private init; }

    /// <summary>Standard deviation of the blur in pixels; 0 where there is none.</summary>
    public float BlurSigma { get; private init; }

    /// <summary>Whether the view is solarised.</summary>
    public bool Solarise { get; private init; }

    /// <summary>Draws the choices of one view of an image of the given width and height.</summary>
    public static ViewParameters Draw(
        AugmentationRecipe recipe, ulong seed, int epoch, long index, int view, int width, int height)
    {
        var draws = new Draws(seed, (uint)epoch, ((ulong)index << ImageShift) | ((ulong)(uint)view << ViewShift));
        PhiloxBlock switches = draws[SwitchDraw], jitter = draws[JitterDraw], rest = draws[RestDraw];
        return new ViewParameters
        {
            Crop = DrawCrop(recipe, draws, width, height),
            Flip = Uniform(switches.X) < recipe.FlipProbability,
            Jitter = Uniform(switches.Y) < recipe.JitterProbability,
            Grayscale = Uniform(switches.Z) < recipe.GrayscaleProbability,
            Brightness = Factor(jitter.X, recipe.Brightness),
            Contrast = Factor(jitter.Y, recipe.Contrast),
            Saturation = Factor(jitter.Z, recipe.Saturation),
            Hue = (float)Uniform(jitter.W, (-recipe.Hue, recipe.Hue)),
            JitterOrder = Below(rest.X, 24),
            BlurSigma = Uniform(switches.W) < recipe.BlurProbability ? (float)Uniform(rest.Y, recipe.BlurSigma) : 0,
            Solarise = Uniform(rest.Z) < recipe.SolariseProbability,
        };
    }

    /// <summary>The four operations of the jitter in the order that its number stands for in the factorial system.</summary>
    public void FillJitter(Span<ColorOperation> operations)
    {
        Span<ColorOperation> rest =
            [ColorOperation.Brightness, ColorOperation.Contrast, ColorOperation.Saturation, ColorOperation.Hue];
        int order = JitterOrder;
        for (int left = JitterOperations; left > 0; left--)
        {
            int chosen = order % left;
            order /= left;
            operations[JitterOperations - left] = rest[chosen];
            rest[chosen] = rest[left - 1];
        }
    }

    /// <summary>
    /// torchvision's RandomResizedCrop: ten tries of a random area and ratio, then the largest centred crop whose ratio is in
    /// the range.
    /// </summary>
    private static PixelRectangle DrawCrop(AugmentationRecipe recipe, Draws draws, int width, int height)
    {
        (double minRatio, double maxRatio) = recipe.CropRatio;
        for (int i = 0; i < CropTries; i++)
        {
            PhiloxBlock words = draws[i];
            double area = (double)width * height * Uniform(words.X, recipe.CropArea);
            double ratio = Math.Exp(Uniform(words.Y, (Math.Log(minRatio), Math.Log(maxRatio))));
            int w = (int)Math.Round(Math.Sqrt(area * ratio)), h = (int)Math.Round(Math.Sqrt(area / ratio));
            if (w > 0 && w <= width && h > 0 && h <= height)
            {
                return new PixelRectangle(Below(words.Z, width - w + 1), Below(words.W, height - h + 1), w, h);
            }
        }

        double own = (double)width / height;
        int cropWidth = own > maxRatio ? (int)Math.Round(height * maxRatio) : width;
        int cropHeight = own < minRatio ? (int)Math.Round(width / minRatio) : height;
        return new PixelRectangle((width - cropWidth) / 2, (height - cropHeight) / 2, cropWidth, cropHeight);
    }

    private static double Uniform(uint word) => (word + 0.5) * (1.0 / 4294967296);

    private static double Uniform(uint word, (double Min, double Max) range) =>
        range.Min + ((range.Max - range.Min) * Uniform(word));

    private static float Factor(uint word, double strength) =>
        (float)Uniform(word, (Math.Max(0, 1 - strength), 1 + strength));

    private static int Below(uint word, int count) => (int)(((ulong)word * (uint)count) >> 32);

    private readonly record struct Draws(ulong Seed, uint Epoch, ulong First)
    {
        public PhiloxBlock this[int draw] => Philox.Block(Seed, Epoch, RandomUse.Augmentation, First + (ulong)draw);
    }
}
