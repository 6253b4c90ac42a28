using FeatureTransform.Cuda;

namespace FeatureTransform.Native.Cuda;

/// <summary>Operations on colours, as AugmentView lists them: ColorOperation of kernels/common/view.cuh.</summary>
internal enum ColorOperation : uint
{
    End = 0,
    Brightness = 1,
    Contrast = 2,
    Saturation = 3,
    Hue = 4,
    Grayscale = 5,
}

/// <summary>One view of an image, which kernels/common/view.cuh describes.</summary>
internal struct AugmentView
{
    public ulong Pixels;
    public int Width, Left, Top, CropWidth, CropHeight;
    public int ResultLeft, ResultTop, ResultWidth, ResultHeight;
    public uint Flip, Operations;
    public float Brightness, Contrast, Saturation, Hue, BlurSigma, Solarise;
    public uint Reserved;
}

/// <summary>Arguments of kernels/augment.cu, which says what each is.</summary>
internal struct AugmentArgs
{
    public ulong Views, Images, Planes, Sums, Output;
    public uint Size, Channels;
}

/// <summary>Arguments of kernels/augment_blur.cu.</summary>
internal struct AugmentBlurArgs
{
    public ulong Views, Planes, Output;
    public uint Size, Channels, Radius;
    public uint Reserved;
}

/// <summary>Launches the augmentation: 8-bit images to a batch of normalised views, in two launches, or three with blur.</summary>
internal sealed class Augment
{
    /// <summary>Pixels of a block, one a thread.</summary>
    public const int TileWidth = 32, TileHeight = 8;

    /// <summary>Threads of a block of the blur.</summary>
    public const int BlurThreads = 256;

    /// <summary>Width and height of the pixels of a block of the blur.</summary>
    public const int BlurTile = 32;

    private const int Threads = TileWidth * TileHeight, SharedWithoutAsking = 48 * 1024;

    private readonly CudaKernel resize, color;
    private readonly CudaKernel? blur;
    private readonly int size, radius, blurShared;

    /// <param name="library">Kernels.</param>
    /// <param name="output">Type of the views.</param>
    /// <param name="size">S, width and height of a view.</param>
    /// <param name="blurRadius">Taps of the blur to one side of the middle; null where no view is blurred.</param>
    /// <exception cref="CudaException">The blur's margin needs more shared memory than the device has.</exception>
    public Augment(KernelLibrary library, ElementType output, int size, int? blurRadius)
    {
        (this.size, radius) = (size, blurRadius ?? 0);
        resize = library.GetKernel(VariantOf(output), "augment_resize");
        color = library.GetKernel(VariantOf(output), $"augment_color_{Launches.Suffix(output)}");
        if (blurRadius is not null)
        {
            blur = library.GetKernel(VariantOf(output), $"augment_blur_{Launches.Suffix(output)}");
            blurShared = BlurSharedBytes(radius);
            if (blurShared > SharedWithoutAsking)
            {
                blur.SetDynamicShared(blurShared);
            }
        }
    }

    public static KernelVariant VariantOf(ElementType output) => new("augment.cu", Launches.Flag("FT_OUTPUT_BF16", output));

    /// <summary>Doubles of <see cref="AugmentArgs.Sums"/> a view.</summary>
    public static int Sums(int size) => checked((int)(Launches.Blocks(size, TileWidth) * Launches.Blocks(size, TileHeight)));

    /// <summary>Weights, a tile with its margin, and its sums along the rows.</summary>
    public static int BlurSharedBytes(int radius)
    {
        int width = BlurTile + (2 * radius);
        return sizeof(float) * (radius + 1 + (width * width) + (width * BlurTile));
    }

    /// <param name="stream">Where it runs.</param>
    /// <param name="views">Views of the batch.</param>
    /// <param name="args">Arguments; the size is the one given to the constructor.</param>
    public void Launch(CudaStream stream, int views, in AugmentArgs args)
    {
        var grid = new Dim3(Launches.Blocks(size, TileWidth), Launches.Blocks(size, TileHeight), (uint)views);
        resize.Launch(stream, grid, new Dim3(Threads), 0, args);
        color.Launch(stream, grid, new Dim3(Threads), 0, args);
        if (blur is not null)
        {
            uint tiles = Launches.Blocks(size, BlurTile);
            var blurArgs = new AugmentBlurArgs
            {
                Views = args.Views,
                Planes = args.Planes,
                Output = args.Output,
                Size = args.Size,
                Channels = args.Channels,
                Radius = (uint)radius,
            };
            blur.Launch(stream, new Dim3(tiles, tiles, 3 * (uint)views), new Dim3(BlurThreads), blurShared, blurArgs);
        }
    }
}
