using System.Runtime.InteropServices;
using FeatureTransform.Cuda;
using FeatureTransform.Native;
using FeatureTransform.Native.Cuda;
using FeatureTransform.Training.Data;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>
/// The views of a batch on the device. A batch goes from page-locked memory by a stream of its own into a buffer beside the one that
/// the step reads, so that it is copied while the step before computes. Of an <see cref="ImageBatch"/>, whose pixels are decoded into
/// page-locked memory, the views are made by our kernels.
/// </summary>
internal sealed class CudaViews : IViews
{
    private const int Alignment = 256;

    private readonly CudaDevice device;
    private readonly CudaContext context;
    private readonly CudaStream copies;
    private readonly PinnedUploads uploads;
    private readonly PinnedPool pool;
    private readonly CudaEvent arrived, taken;
    private readonly int n, size;
    private readonly Augment augment;
    private DeviceMemory? next, current;
    private Layout layout;

    // Offsets behind the order of the second views: views as fp32, or how they are made; then the pixels that they are made of.
    private readonly record struct Layout(bool AreImages, long Views, long Pixels, long Bytes);

    /// <param name="device">Where the steps run.</param>
    /// <param name="context">Its context.</param>
    /// <param name="options">Batch size, size of views and augmentation.</param>
    /// <exception cref="CudaException">The device refuses.</exception>
    public CudaViews(CudaDevice device, CudaContext context, PretrainOptions options)
    {
        (this.device, this.context) = (device, context);
        (n, size) = (options.Optimizer.BatchSize, options.Data.ImageSize);
        bool blurs = AugmentationRecipe.Named(options.Data.Augmentation, size).BlurProbability > 0;
        augment = new Augment(device.Kernels, device.Type, size, blurs ? GaussianBlur.Radius(size) : null);
        copies = new CudaStream(context);
        uploads = new PinnedUploads(copies);
        pool = new PinnedPool(context);
        arrived = new CudaEvent(context);
        taken = new CudaEvent(context);
    }

    public PairBatch CreateBatch() => new ImageBatch(n, pool);

    public void Load(PairBatch batch, ReadOnlySpan<int> order)
    {
        arrived.Synchronize(); // the batch before is its owner's again
        Layout wanted = LayoutOf(batch);
        if (wanted.AreImages != layout.AreImages)
        {
            device.ForgetStep();
        }

        layout = wanted;
        Require(layout.Bytes);
        Fill(batch, order, uploads.Take(layout.Pixels));
        copies.WaitFor(taken);
        uploads.Send(next!.Address, layout.Pixels);
        SendPixels(batch);
        arrived.Record(copies);
        device.Stream.WaitFor(arrived);
        DeviceCopies.Copy(device.Stream, next.Address, current!.Address, layout.Bytes);
        taken.Record(device.Stream);
    }

    /// <summary>The channels are padded with zeros to <see cref="CudaDevice.ChannelAlignment"/>.</summary>
    public Tensor Get(int view)
    {
        if (current is null)
        {
            throw new InvalidOperationException("There is no batch: load one first.");
        }

        ulong views = current.Address + (ulong)layout.Views;
        if (!layout.AreImages)
        {
            return device.Images(views + (ulong)(view * ViewFloats * sizeof(float)), n, size);
        }

        Tensor images = device.Allocate(device.Type, n, size, size, CudaDevice.ChannelAlignment);
        Tensor planes = device.AllocateBytes(PlaneBytes(n, size)), sums = device.AllocateBytes(SumBytes(n, size));
        augment.Launch(device.Stream, n, new AugmentArgs
        {
            Views = views + (ulong)(view * n * Marshal.SizeOf<AugmentView>()),
            Images = current.Address + (ulong)layout.Pixels,
            Planes = (ulong)planes.Data,
            Sums = (ulong)sums.Data,
            Output = (ulong)images.Data,
            Size = (uint)size,
            Channels = CudaDevice.ChannelAlignment,
        });
        device.Free(sums);
        device.Free(planes);
        return images;
    }

    public Tensor InBatchOrder(Tensor rows) => device.ScatterRows(rows, current!.Address);

    public void Dispose()
    {
        copies.Synchronize();
        device.Stream.Synchronize();
        foreach (IDisposable? owned in (IDisposable?[])[uploads, arrived, taken, copies, pool, next, current])
        {
            owned?.Dispose();
        }
    }

    /// <summary>Bytes of a batch of n 8-bit images of so many pixels, and of how their views are made.</summary>
    public static long ImageBytes(int n, long pixels) =>
        Rounded(n * sizeof(int)) + Rounded(2 * n * Marshal.SizeOf<AugmentView>()) + (n * pixels * 3);

    /// <summary>Bytes that making n views takes besides them: planes of fp32.</summary>
    public static long PlaneBytes(int n, int size) => 3L * n * size * size * sizeof(float);

    /// <summary>Bytes that making n views takes besides them: sums.</summary>
    public static long SumBytes(int n, int size) => (long)n * Augment.Sums(size) * sizeof(double);

    private long ViewFloats => 3L * n * size * size;

    private Layout LayoutOf(PairBatch batch)
    {
        if (batch.Indices.Length != n)
        {
            throw new ArgumentException($"A batch of {batch.Indices.Length} images given where {n} were expected.", nameof(batch));
        }

        long views = Rounded(n * sizeof(int));
        if (batch is not ImageBatch images)
        {
            long end = views + (2 * ViewFloats * sizeof(float));
            return new Layout(false, views, end, end);
        }

        long pixels = views + Rounded(2 * n * Marshal.SizeOf<AugmentView>());
        return new Layout(true, views, pixels, pixels + images.PixelBytes);
    }

    private static long Rounded(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    private void Fill(PairBatch batch, ReadOnlySpan<int> order, Span<byte> target)
    {
        order.CopyTo(MemoryMarshal.Cast<byte, int>(target));
        Span<byte> views = target[(int)layout.Views..];
        if (batch is ImageBatch images)
        {
            images.CopyViews(order, MemoryMarshal.Cast<byte, AugmentView>(views)[..(2 * n)]);
            return;
        }

        var made = (ViewBatch)batch;
        Span<float> pixels = MemoryMarshal.Cast<byte, float>(views);
        made.View1.CopyTo(pixels);
        Span<float> second = pixels[made.View1.Length..];
        int length = size * size * 3;
        for (int i = 0; i < n; i++)
        {
            made.View2.AsSpan((order.IsEmpty ? i : order[i]) * length, length).CopyTo(second[(i * length)..]);
        }
    }

    private void SendPixels(PairBatch batch)
    {
        if (batch is not ImageBatch images)
        {
            return;
        }

        ulong target = next!.Address + (ulong)layout.Pixels;
        for (int slice = 0; slice < images.Slices; slice++)
        {
            ReadOnlySpan<byte> pixels = images.PixelsOf(slice);
            DeviceCopies.Upload(copies, pixels, target);
            target += (ulong)pixels.Length;
        }
    }

    // Photographs differ in size: where a batch is larger than those before, there is room for somewhat larger ones too.
    private void Require(long bytes)
    {
        if (current is not null && current.Bytes >= bytes)
        {
            return;
        }

        copies.Synchronize();
        device.Stream.Synchronize();
        device.ForgetStep();
        next?.Dispose();
        current?.Dispose();
        (next, current) = (null, null);
        long room = layout.AreImages ? Rounded(bytes + (bytes / 8)) : bytes;
        next = new DeviceMemory(context, room);
        current = new DeviceMemory(context, room);
    }
}
