using FeatureTransform.Training.Data;
using SkiaSharp;
using Xunit;

namespace FeatureTransform.Training.Tests.Data;

/// <summary>The system's decoder against Skia's: the same bytes, and only of files without a fault.</summary>
public sealed class TurboJpegTests
{
    // 33 x 17 pixels, 4:2:0, written by PIL 9.4.
    private const string ProgressiveJpeg =
        "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABQODxIPDRQSEBIXFRQYHjIhHhwcHj0sLiQySUBMS0dARkVQWnNiUFVtVkVGZIhlbXd7gYKBTmCNl4x9lnN+gXz/2wBDARUXFx4aHjshITt8U0ZTfHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHx8fHz/wgARCAARACEDASIAAhEBAxEB/8QAGAABAQEBAQAAAAAAAAAAAAAABAABBQP/xAAXAQADAQAAAAAAAAAAAAAAAAACAwQB/9oADAMBAAIQAxAAAAF5cKvdVyV0q6kSAfUtSWlXVKkVBn//xAAZEAACAwEAAAAAAAAAAAAAAAAAAQIQESH/2gAIAQEAAQUC1E2jUQaNOk9OkNO1OoV//8QAGhEAAgMBAQAAAAAAAAAAAAAAAAIBAxEQMf/aAAgBAwEBPwGuGweG0xhCz3n/xAAZEQACAwEAAAAAAAAAAAAAAAAAAgERMRD/2gAIAQIBAT8BaFsiFopRtFzn/8QAFBABAAAAAAAAAAAAAAAAAAAAMP/aAAgBAQAGPwJ//8QAGRAAAwADAAAAAAAAAAAAAAAAABARASFB/9oACAEBAAE/IdCmxSCwZi0Ziji9f//aAAwDAQACAAMAAAAQzby8B+//xAAVEQEBAAAAAAAAAAAAAAAAAAAQMf/aAAgBAwEBPxBCCU//xAAUEQEAAAAAAAAAAAAAAAAAAAAg/9oACAECAQE/EEMy/wD/xAAeEAABBAEFAAAAAAAAAAAAAAAxAAEQIUFRYXGBkf/aAAgBAQABPxBlbQi0gt9vE2pVgwaBjY+Fn3Emj//Z";

    public static TheoryData<int, int, int, SKJpegEncoderDownsample> Files()
    {
        var files = new TheoryData<int, int, int, SKJpegEncoderDownsample>();
        foreach ((int width, int height) in new[] { (1, 1), (7, 5), (8, 8), (16, 16), (17, 33), (33, 17), (500, 375), (641, 3) })
        {
            foreach (SKJpegEncoderDownsample downsample in Enum.GetValues<SKJpegEncoderDownsample>())
            {
                files.Add(width, height, 30, downsample);
                files.Add(width, height, 90, downsample);
                files.Add(width, height, 100, downsample);
            }
        }

        return files;
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Bytes_are_those_of_skia(int width, int height, int quality, SKJpegEncoderDownsample downsample)
    {
        SkipWithoutLibrary();
        using SKBitmap picture = Picture(width, height, SKColorType.Rgba8888);
        using SKPixmap pixels = picture.PeekPixels();
        using SKData file = pixels.Encode(new SKJpegEncoderOptions(quality, downsample, SKJpegEncoderAlphaOption.Ignore))!;
        AssertSame(file.ToArray(), width, height);
    }

    [Fact]
    public void Bytes_are_those_of_skia_in_grayscale()
    {
        SkipWithoutLibrary();
        using SKBitmap picture = Picture(61, 43, SKColorType.Gray8);
        using SKData file = picture.Encode(SKEncodedImageFormat.Jpeg, 80);
        AssertSame(file.ToArray(), 61, 43);
    }

    [Fact]
    public void Bytes_are_those_of_skia_in_a_progressive_file()
    {
        SkipWithoutLibrary();
        AssertSame(Convert.FromBase64String(ProgressiveJpeg), 33, 17);
    }

    [Fact]
    public void A_faulty_file_and_another_format_are_left_to_others()
    {
        SkipWithoutLibrary();
        byte[] rgb = new byte[64 * 64 * 3], noise = new byte[64 * 64 * 3];
        new Random(1).NextBytes(noise);
        byte[] whole = ImageBytes.Encode(noise, 64, 64, SKEncodedImageFormat.Jpeg, 90);
        Assert.True(TurboJpeg.TryDecode(whole, rgb, 64, 64));
        Assert.All(Enumerable.Range(0, whole.Length - 2), length => Assert.False(TurboJpeg.TryDecode(whole.AsSpan(0, length), rgb, 64, 64)));
        Assert.False(TurboJpeg.TryDecode(ImageBytes.Encode(noise, 64, 64, SKEncodedImageFormat.Png), rgb, 64, 64));
        Assert.Throws<ArgumentOutOfRangeException>(() => TurboJpeg.TryDecode(whole, rgb.AsSpan(1), 64, 64));
    }

    private static void SkipWithoutLibrary() =>
        Assert.SkipUnless(TurboJpeg.IsAvailable, "The system has no TurboJPEG (Debian: libturbojpeg0); JPEG files are decoded by Skia.");

    private static void AssertSame(byte[] file, int width, int height)
    {
        byte[] rgb = new byte[width * height * 3];
        Assert.True(TurboJpeg.TryDecode(file, rgb, width, height));
        using var expected = new SKBitmap(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul);
        using SKCodec codec = SKCodec.Create(new SKMemoryStream(file));
        Assert.Equal(SKCodecResult.Success, codec.GetPixels(expected.Info, expected.GetPixels()));
        Assert.Equal(expected.GetPixelSpan().ToArray().Where((_, i) => i % 4 != 3), rgb);
    }

    private static SKBitmap Picture(int width, int height, SKColorType type)
    {
        var random = new Random(width);
        var picture = new SKBitmap(width, height, type, SKAlphaType.Opaque);
        for (int i = 0; i < width * height; i++)
        {
            byte Channel(double phase) => (byte)(128 + (90 * Math.Sin((i % width / 6.0) + (i / width / 4.0) + phase)) + random.Next(-30, 30));
            picture.SetPixel(i % width, i / width, new SKColor(Channel(0), Channel(1), Channel(2)));
        }

        return picture;
    }
}
