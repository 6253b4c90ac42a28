using FeatureTransform.Training.Data;

namespace FeatureTransform.Training.Tests.Data;

/// <summary>
/// The operations of augmentation in fp64, each written from torchvision's definition of it. An image is H x W x 3 in [0, 1].
/// </summary>
internal static class AugmentationOracle
{
    public delegate double[] Pixel(double r, double g, double b);

    /// <summary>The crop alone, its weights computed for every pair of output and input pixel.</summary>
    public static double[,,] Resize(RgbImage image, PixelRectangle crop, int width, int height)
    {
        double[,] columns = Weights(crop.Width, width), rows = Weights(crop.Height, height);
        var result = new double[height, width, 3];
        ReadOnlySpan<byte> pixels = image.Pixels.Span;
        for (int y = 0; y < height; y++)
        {
            for (int j = 0; j < crop.Height; j++)
            {
                for (int x = 0; rows[y, j] != 0 && x < width; x++)
                {
                    for (int i = 0; i < crop.Width; i++)
                    {
                        double weight = rows[y, j] * columns[x, i] / 255;
                        for (int c = 0; weight != 0 && c < 3; c++)
                        {
                            int at = ((((crop.Top + j) * image.Width) + crop.Left + i) * 3) + c;
                            result[y, x, c] += weight * pixels[at];
                        }
                    }
                }
            }
        }

        return result;
    }

    public static double[,,] Brightness(double[,,] image, double factor) =>
        Map(image, (r, g, b) => [Clamp(factor * r), Clamp(factor * g), Clamp(factor * b)]);

    public static double[,,] Contrast(double[,,] image, double factor)
    {
        double sum = 0;
        Map(image, (r, g, b) =>
        {
            sum += Luma(r, g, b);
            return [r, g, b];
        });
        double mean = sum / (image.Length / 3);
        return Map(image, (r, g, b) => Blend(r, g, b, mean, factor));
    }

    public static double[,,] Saturation(double[,,] image, double factor) =>
        Map(image, (r, g, b) => Blend(r, g, b, Luma(r, g, b), factor));

    public static double[,,] Grayscale(double[,,] image) =>
        Map(image, (r, g, b) => [Luma(r, g, b), Luma(r, g, b), Luma(r, g, b)]);

    public static double[,,] Solarise(double[,,] image, double threshold)
    {
        double Invert(double x) => x >= threshold ? 1 - x : x;
        return Map(image, (r, g, b) => [Invert(r), Invert(g), Invert(b)]);
    }

    /// <summary>To HSV, turn, and back, by the six cases of the textbook.</summary>
    public static double[,,] Hue(double[,,] image, double shift) => Map(image, (r, g, b) =>
    {
        double v = Math.Max(r, Math.Max(g, b)), chroma = v - Math.Min(r, Math.Min(g, b));
        double s = v == 0 ? 0 : chroma / v;
        double sextant = chroma == 0 ? 0 : v == r ? (g - b) / chroma : v == g ? 2 + ((b - r) / chroma) : 4 + ((r - g) / chroma);
        double h = (sextant / 6) + shift;
        h = (h - Math.Floor(h)) * 6;
        double f = h - Math.Floor(h), p = v * (1 - s), q = v * (1 - (s * f)), t = v * (1 - (s * (1 - f)));
        return ((int)h % 6) switch
        {
            0 => [v, t, p],
            1 => [q, v, p],
            2 => [p, v, t],
            3 => [p, q, v],
            4 => [t, p, v],
            _ => [v, p, q],
        };
    });

    /// <summary>The full kernel in two dimensions, mirrored at the edge pixels.</summary>
    public static double[,,] Blur(double[,,] image, int radius, double sigma)
    {
        int height = image.GetLength(0), width = image.GetLength(1);
        double[] kernel = [.. Enumerable.Range(-radius, (2 * radius) + 1).Select(t => Math.Exp(-0.5 * t * t / (sigma * sigma)))];
        double sum = kernel.Sum();
        var result = new double[height, width, 3];
        for (int i = 0; i < image.Length; i++)
        {
            int c = i % 3, x = i / 3 % width, y = i / 3 / width;
            for (int dy = -radius; dy <= radius; dy++)
            {
                for (int dx = -radius; dx <= radius; dx++)
                {
                    double weight = kernel[dy + radius] / sum * (kernel[dx + radius] / sum);
                    result[y, x, c] += weight * image[Mirror(y + dy, height), Mirror(x + dx, width), c];
                }
            }
        }

        return result;
    }

    public static double[,,] Flip(double[,,] image)
    {
        var result = new double[image.GetLength(0), image.GetLength(1), 3];
        for (int i = 0; i < image.Length; i++)
        {
            int c = i % 3, x = i / 3 % image.GetLength(1), y = i / 3 / image.GetLength(1);
            result[y, x, c] = image[y, image.GetLength(1) - 1 - x, c];
        }

        return result;
    }

    public static double[,,] Normalize(double[,,] image) => Map(image, (r, g, b) =>
        [(r - 0.485) / 0.229, (g - 0.456) / 0.224, (b - 0.406) / 0.225]);

    /// <summary>A whole view.</summary>
    public static double[,,] View(RgbImage image, AugmentationRecipe recipe, ViewParameters parameters, int size)
    {
        double[,,] view = Resize(image, parameters.Crop, size, size);
        view = parameters.Grayscale && recipe.GrayscaleFirst ? Grayscale(view) : view;
        foreach (int operation in parameters.Jitter ? Order(parameters.JitterOrder) : [])
        {
            view = operation switch
            {
                0 => Brightness(view, parameters.Brightness),
                1 => Contrast(view, parameters.Contrast),
                2 => Saturation(view, parameters.Saturation),
                _ => Hue(view, parameters.Hue),
            };
        }

        view = parameters.Grayscale && !recipe.GrayscaleFirst ? Grayscale(view) : view;
        view = parameters.BlurSigma > 0 ? Blur(view, GaussianBlur.Radius(size), parameters.BlurSigma) : view;
        view = parameters.Solarise ? Solarise(view, recipe.SolariseThreshold) : view;
        return Normalize(parameters.Flip ? Flip(view) : view);
    }

    /// <summary>The operations in the order of that number: its digits in the factorial system pick from those left, the last of
    /// which takes the place of the one picked.</summary>
    public static List<int> Order(int number)
    {
        List<int> left = [0, 1, 2, 3], order = [];
        while (left.Count > 0)
        {
            int digit = number % left.Count;
            number /= left.Count;
            order.Add(left[digit]);
            left[digit] = left[^1];
            left.RemoveAt(left.Count - 1);
        }

        return order;
    }

    private static double[,] Weights(int input, int output)
    {
        double scale = (double)input / output, support = Math.Max(scale, 1);
        var weights = new double[output, input];
        for (int o = 0; o < output; o++)
        {
            double[] row =
                [.. Enumerable.Range(0, input).Select(i => Math.Max(0, 1 - (Math.Abs(i + 0.5 - ((o + 0.5) * scale)) / support)))];
            double sum = row.Sum();
            for (int i = 0; i < input; i++)
            {
                weights[o, i] = row[i] / sum;
            }
        }

        return weights;
    }

    private static double[,,] Map(double[,,] image, Pixel change)
    {
        int height = image.GetLength(0), width = image.GetLength(1);
        var result = new double[height, width, 3];
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                double[] pixel = change(image[y, x, 0], image[y, x, 1], image[y, x, 2]);
                (result[y, x, 0], result[y, x, 1], result[y, x, 2]) = (pixel[0], pixel[1], pixel[2]);
            }
        }

        return result;
    }

    private static double Luma(double r, double g, double b) => (0.2989 * r) + (0.587 * g) + (0.114 * b);

    private static double Clamp(double x) => Math.Clamp(x, 0, 1);

    private static double[] Blend(double r, double g, double b, double other, double factor) =>
        [.. new[] { r, g, b }.Select(x => Clamp((factor * x) + ((1 - factor) * other)))];

    private static int Mirror(int i, int length) => i < 0 ? -i : i >= length ? (2 * (length - 1)) - i : i;
}
