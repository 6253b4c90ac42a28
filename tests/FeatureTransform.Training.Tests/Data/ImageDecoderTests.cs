using FeatureTransform.Training.Data;
using SkiaSharp;
using Xunit;

namespace FeatureTransform.Training.Tests.Data;

public sealed class ImageDecoderTests
{
    // 8 x 8 pixels of C 0, M 200, Y 100, K 20, written by PIL 9.4, which reads them as RGB (235, 51, 143).
    private const string CmykJpeg =
        "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwACAQEBAQECAQEBAgICAgIEAwICAgIFBAQDBAYFBgYGBQYGBgcJCAYHCQcGBggLCAkKCgoKCgYICwwLCgwJCgoK/8AAFAgACAAIBEMRAE0RAFkRAEsRAP/EAB8AAAEFAQEBAQEBAAAAAAAAAAABAgMEBQYHCAkKC//EALUQAAIBAwMCBAMFBQQEAAABfQECAwAEEQUSITFBBhNRYQcicRQygZGhCCNCscEVUtHwJDNicoIJChYXGBkaJSYnKCkqNDU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0dXZ3eHl6g4SFhoeIiYqSk5SVlpeYmZqio6Slpqeoqaqys7S1tre4ubrCw8TFxsfIycrS09TV1tfY2drh4uPk5ebn6Onq8fLz9PX29/j5+v/aAA4EQwBNAFkASwAAPwD9/K/NuvbK/ayv/9k=";

    [Fact]
    public void Rgb_keeps_its_values()
    {
        byte[] rgb = Gradient(7, 5);
        RgbImage image = Decode(ImageBytes.Png(7, 5, 8, 2, rgb), label: 3);
        Assert.Equal((7, 5, 3), (image.Width, image.Height, image.Label));
        Assert.Equal(rgb, image.Pixels.ToArray());
    }

    [Fact]
    public void Grayscale_becomes_three_equal_channels() =>
        Assert.Equal([10, 10, 10, 200, 200, 200], Decode(ImageBytes.Png(2, 1, 8, 0, [10, 200])).Pixels.ToArray());

    [Fact]
    public void Sixteen_bits_become_eight()
    {
        // 0x1289 and 0xFF00: the high bytes, or one more where a decoder rounds.
        byte[] pixels = Decode(ImageBytes.Png(2, 1, 16, 2, [0x12, 0x89, 0xFF, 0x00, 0, 0, 0x80, 0x10, 0, 0, 0x40, 0x01])).Pixels.ToArray();
        int[] expected = [0x12, 0xFF, 0, 0x80, 0, 0x40];
        Assert.All(expected.Zip(pixels), pair => Assert.InRange(pair.Second, pair.First, pair.First + 1));
    }

    [Fact]
    public void Palette_is_looked_up() =>
        Assert.Equal([7, 8, 9, 1, 2, 3, 7, 8, 9], Decode(ImageBytes.Png(3, 1, 8, 3, [1, 0, 1], [1, 2, 3, 7, 8, 9])).Pixels.ToArray());

    [Fact]
    public void Alpha_is_dropped_and_not_blended() =>
        Assert.Equal([10, 20, 30, 40, 50, 60], Decode(ImageBytes.Png(2, 1, 8, 6, [10, 20, 30, 255, 40, 50, 60, 128])).Pixels.ToArray());

    [Fact]
    public void Cmyk_jpeg_becomes_rgb()
    {
        RgbImage image = Decode(Convert.FromBase64String(CmykJpeg));
        byte[] pixels = image.Pixels.ToArray();
        Assert.Equal(8 * 8 * 3, pixels.Length);
        int[] expected = [235, 51, 143];
        Assert.All(Enumerable.Range(0, pixels.Length), i => Assert.InRange(pixels[i], expected[i % 3] - 2, expected[i % 3] + 2));
    }

    [Fact]
    public void Webp_is_read()
    {
        byte[] rgb = Gradient(16, 8);
        Assert.Equal(rgb, Decode(ImageBytes.Encode(rgb, 16, 8, SKEncodedImageFormat.Webp)).Pixels.ToArray());
    }

    // Where the four corners of the stored picture (top left, top right, bottom left, bottom right) lie in the upright one,
    // read off the table of the EXIF standard (2.3, tag 0x0112).
    [Theory]
    [InlineData(1, false, "ABCD")]
    [InlineData(2, false, "BADC")]
    [InlineData(3, false, "DCBA")]
    [InlineData(4, false, "CDAB")]
    [InlineData(5, true, "ACBD")]
    [InlineData(6, true, "CADB")]
    [InlineData(7, true, "DBCA")]
    [InlineData(8, true, "BDAC")]
    public void Orientation_is_applied(byte orientation, bool swapped, string corners)
    {
        const int width = 32, height = 16;
        byte[] rgb = new byte[width * height * 3];
        for (int i = 0; i < width * height; i++)
        {
            int quadrant = (i % width >= width / 2 ? 1 : 0) + (i / width >= height / 2 ? 2 : 0);
            rgb.AsSpan(3 * i, 3).Fill((byte)(60 * quadrant));
        }

        RgbImage image = Decode(ImageBytes.WithOrientation(ImageBytes.Encode(rgb, width, height, SKEncodedImageFormat.Jpeg), orientation));
        Assert.Equal(swapped ? (height, width) : (width, height), (image.Width, image.Height));
        int[] offsets = [0, image.Width - 1, (image.Height - 1) * image.Width, (image.Height * image.Width) - 1];
        string found = string.Concat(offsets.Select(offset => (char)('A' + ((image.Pixels.Span[3 * offset] + 30) / 60))));
        Assert.Equal(corners, found);
    }

    [Fact]
    public void A_truncated_jpeg_is_refused_by_name()
    {
        byte[] whole = ImageBytes.Encode(Gradient(64, 64), 64, 64, SKEncodedImageFormat.Jpeg, 90);
        Decode(whole);
        for (int length = 1; length < whole.Length - 2; length += 97)
        {
            var error = Assert.Throws<UnreadableImageException>(() => Decode(whole[..length]));
            Assert.StartsWith("a.jpg is ", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_file_of_another_kind_is_refused() =>
        Assert.Throws<UnreadableImageException>(() => Decode("This is a text that calls itself an image."u8.ToArray()));

    private static RgbImage Decode(byte[] file, int label = 0) => ImageDecoder.Decode(file, "a.jpg", label);

    private static byte[] Gradient(int width, int height) =>
        [.. Enumerable.Range(0, width * height * 3).Select(i => (byte)(i % 3 * 40 + i / 3 % width * 3 + i / 3 / width * 2))];
}
