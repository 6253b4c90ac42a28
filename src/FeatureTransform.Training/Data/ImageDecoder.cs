using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using SkiaSharp;

namespace FeatureTransform.Training.Data;

/// <summary>
/// Decodes JPEG, PNG and WebP files (and what else Skia knows) to RGB of 8 bits: EXIF orientation is applied; grayscale, CMYK,
/// 16-bit and palette images are converted; alpha is dropped, not blended, as PIL's <c>convert("RGB")</c> does; embedded
/// colour profiles are ignored, as torchvision ignores them. JPEG files are left to <see cref="TurboJpeg"/> where the system has it;
/// what it finds at fault, Skia judges, so that the same files are read with and without it.
/// </summary>
internal static class ImageDecoder
{
    private const int MaximumPixels = 1 << 28; // a larger size is that of a damaged header

    /// <summary>Decodes one file.</summary>
    /// <param name="file">The bytes of the file.</param>
    /// <param name="name">Its name, for the error.</param>
    /// <param name="label">Label of the image.</param>
    /// <param name="scratch">Where given, the pixels lie in it.</param>
    /// <exception cref="UnreadableImageException">The file is no image that can be decoded, or ends too early.</exception>
    public static unsafe RgbImage Decode(ReadOnlySpan<byte> file, string name, int label, PixelScratch? scratch = null)
    {
        fixed (byte* bytes = file)
        {
            using SKData data = SKData.Create((nint)bytes, file.Length);
            using SKCodec? codec = SKCodec.Create(data);
            if (codec is null)
            {
                throw new UnreadableImageException(name, "is no image that can be decoded");
            }

            (int width, int height) = (codec.Info.Width, codec.Info.Height);
            if ((long)width * height is <= 0 or > MaximumPixels)
            {
                throw new UnreadableImageException(name, $"says that it has {width} x {height} pixels");
            }

            Memory<byte> pixels = PixelScratch.Of(scratch, width * height * 3);
            if (codec.EncodedFormat == SKEncodedImageFormat.Jpeg && codec.EncodedOrigin == SKEncodedOrigin.TopLeft &&
                TurboJpeg.TryDecode(file, pixels.Span, width, height))
            {
                return new RgbImage(pixels, width, height, label);
            }

            byte[] rgba = ArrayPool<byte>.Shared.Rent(width * height * 4);
            try
            {
                fixed (byte* target = rgba)
                {
                    // No colour space in the request: the values of the file, not converted.
                    SKCodecResult result = codec.GetPixels(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Unpremul), (nint)target);
                    if (result != SKCodecResult.Success)
                    {
                        throw new UnreadableImageException(name, result == SKCodecResult.IncompleteInput ? "is cut short" : $"is damaged ({result})");
                    }
                }

                return Pack(rgba, width, height, codec.EncodedOrigin, label, pixels);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(rgba);
            }
        }
    }

    /// <summary>RGBA to RGB, turned as the EXIF orientation says.</summary>
    private static RgbImage Pack(byte[] rgba, int width, int height, SKEncodedOrigin origin, int label, Memory<byte> pixels)
    {
        Span<byte> rgb = pixels.Span;
        if (origin is SKEncodedOrigin.TopLeft)
        {
            DropAlpha(rgba, rgb, width * height);
            return new RgbImage(pixels, width, height, label);
        }

        // Each origin names the corner where the stored first row and first column lie in the picture as it is meant.
        bool swapped = origin is SKEncodedOrigin.LeftTop or SKEncodedOrigin.RightTop or SKEncodedOrigin.RightBottom or SKEncodedOrigin.LeftBottom;
        bool fromRight = origin is SKEncodedOrigin.TopRight or SKEncodedOrigin.BottomRight or SKEncodedOrigin.RightTop or SKEncodedOrigin.RightBottom;
        bool fromBottom = origin is SKEncodedOrigin.BottomLeft or SKEncodedOrigin.BottomRight or SKEncodedOrigin.LeftBottom or SKEncodedOrigin.RightBottom;
        (int outWidth, int outHeight) = swapped ? (height, width) : (width, height);
        for (int y = 0, p = 0; y < outHeight; y++)
        {
            for (int x = 0; x < outWidth; x++, p += 3)
            {
                (int across, int down) = (fromRight ? outWidth - 1 - x : x, fromBottom ? outHeight - 1 - y : y);
                int source = 4 * (swapped ? (across * width) + down : (down * width) + across);
                (rgb[p], rgb[p + 1], rgb[p + 2]) = (rgba[source], rgba[source + 1], rgba[source + 2]);
            }
        }

        return new RgbImage(pixels, outWidth, outHeight, label);
    }

    private static void DropAlpha(ReadOnlySpan<byte> rgba, Span<byte> rgb, int count)
    {
        ref byte from = ref MemoryMarshal.GetReference(rgba);
        ref byte to = ref MemoryMarshal.GetReference(rgb);
        Vector128<byte> order = Vector128.Create((byte)0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 255, 255, 255, 255);
        int i = 0;

        // Four pixels a step; a store of 16 bytes writes 12 that count, so the last ones are left to the loop below.
        for (; i + 6 <= count; i += 4)
        {
            Vector128<byte> four = Vector128.LoadUnsafe(ref Unsafe.Add(ref from, 4 * i));
            Vector128.Shuffle(four, order).StoreUnsafe(ref Unsafe.Add(ref to, 3 * i));
        }

        for (; i < count; i++)
        {
            (rgb[3 * i], rgb[(3 * i) + 1], rgb[(3 * i) + 2]) = (rgba[4 * i], rgba[(4 * i) + 1], rgba[(4 * i) + 2]);
        }
    }
}
