using System.Runtime.InteropServices;
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
    private int slot;

    public PinnedUploads(CudaStream stream)
    {
        this.stream = stream;
        copied = [.. Enumerable.Range(0, Slots).Select(_ => new CudaEvent(stream.Context))];
    }

    /// <summary>The source may be changed as soon as this returns.</summary>
    /// <exception cref="CudaException">The system does not lock so much memory, or the driver refuses.</exception>
    public void Upload(ReadOnlySpan<float> source, ulong target)
    {
        long bytes = (long)source.Length * sizeof(float);
        source.CopyTo(MemoryMarshal.Cast<byte, float>(Take(bytes)));
        Send(target, bytes);
    }

    /// <summary>A buffer to fill, of so many bytes or more; waits for the copy of what it held.</summary>
    /// <exception cref="CudaException">The system does not lock so much memory.</exception>
    public Span<byte> Take(long bytes)
    {
        slot = (slot + 1) % Slots;
        copied[slot].Synchronize();
        PinnedMemory? buffer = buffers[slot];
        if (buffer is null || buffer.Bytes < bytes)
        {
            buffer?.Dispose();
            buffers[slot] = null;
            buffers[slot] = buffer = new PinnedMemory(stream.Context, bytes);
        }

        return buffer.AsSpan<byte>();
    }

    /// <summary>Copies the first bytes of the buffer that was taken last.</summary>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public void Send(ulong target, long bytes)
    {
        DeviceCopies.Upload(stream, buffers[slot]!, target, bytes);
        copied[slot].Record(stream);
    }

    public void Dispose()
    {
        for (int i = 0; i < Slots; i++)
        {
            copied[i].Synchronize();
            copied[i].Dispose();
            buffers[i]?.Dispose();
        }
    }
}
