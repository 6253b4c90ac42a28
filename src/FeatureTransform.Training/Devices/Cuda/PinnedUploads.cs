using FeatureTransform.Cuda;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>
/// Uploads through page-locked buffers, so that neither the host waits for the stream nor the stream for the host: with two of
/// them one is filled while the other is copied.
/// </summary>
internal sealed class PinnedUploads : IDisposable
{
    private const int Slots = 2;

    private readonly CudaStream stream;
    private readonly PinnedMemory?[] buffers = new PinnedMemory?[Slots];
    private readonly CudaEvent[] copied;
    private int next;

    public PinnedUploads(CudaStream stream)
    {
        this.stream = stream;
        copied = [.. Enumerable.Range(0, Slots).Select(_ => new CudaEvent(stream.Context))];
    }

    /// <summary>The source may be changed as soon as this returns.</summary>
    /// <exception cref="CudaException">The system does not lock so much memory, or the driver refuses.</exception>
    public void Upload(ReadOnlySpan<float> source, ulong target)
    {
        int slot = next;
        next = (next + 1) % Slots;
        copied[slot].Synchronize();
        long bytes = (long)source.Length * sizeof(float);
        PinnedMemory? buffer = buffers[slot];
        if (buffer is null || buffer.Bytes < bytes)
        {
            buffer?.Dispose();
            buffers[slot] = buffer = new PinnedMemory(stream.Context, bytes);
        }

        source.CopyTo(buffer.AsSpan<float>());
        DeviceCopies.Upload(stream, buffer, target, bytes);
        copied[slot].Record(stream);
    }

    public void Dispose()
    {
        for (int slot = 0; slot < Slots; slot++)
        {
            copied[slot].Synchronize();
            copied[slot].Dispose();
            buffers[slot]?.Dispose();
        }
    }
}
