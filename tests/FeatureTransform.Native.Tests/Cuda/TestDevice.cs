using System.Runtime.InteropServices;
using FeatureTransform.Cuda;
using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>What one step left on the device.</summary>
internal sealed record StepResult(float Loss, float[] DqRaw, float[] Keys, RowStatistics Statistics);

/// <summary>
/// Steps on a device of a test, from and to host arrays. Outputs are filled with NaN before and are followed by room that must
/// stay as it is.
/// </summary>
internal sealed class TestDevice(KernelDevice device) : IDisposable
{
    private const int Canary = 64;
    private const byte Poison = 0xff;

    public CudaStream Stream => device.Stream;

    public CudaContrastiveStep Make(FeatureTransformOptions options, CudaStepShape shape, DeviceMemory? workspace = null) =>
        new(options, shape, device.Context, device.Kernels, workspace);

    public StepResult Run(
        FeatureTransformOptions options, CudaStepShape shape, float[] q, float[] k, FeatureQueue rows, uint step, bool transform, int padding = 0,
        DeviceMemory? workspace = null)
    {
        using CudaContrastiveStep contrast = Make(options, shape, workspace);
        contrast.SetState(step, transform, position: 0, Stream);
        using var buffers = new Buffers(this, shape, q, k, rows, padding);
        contrast.Run(buffers.Addresses, shape.MaxN, Stream);
        return buffers.Read();
    }

    /// <summary>Loss of each of several steps on the same embeddings, and the queue behind them.</summary>
    public (float[] Losses, byte[] Queue) RunSteps(
        FeatureTransformOptions options, CudaStepShape shape, float[] q, float[] k, FeatureQueue rows, int steps, bool graph)
    {
        using CudaContrastiveStep contrast = Make(options, shape);
        using var buffers = new Buffers(this, shape, q, k, rows, padding: 0);
        contrast.SetState(0, true, 0, Stream);
        void Record()
        {
            contrast.Run(buffers.Addresses, shape.MaxN, Stream);
            contrast.Enqueue(buffers.Addresses, shape.MaxN, Stream);
        }

        CudaGraphExec? exec = null;
        if (graph)
        {
            Stream.BeginCapture();
            Record();
            using CudaGraph recorded = Stream.EndCapture();
            exec = recorded.Instantiate();
        }

        float[] losses = new float[steps];
        for (int i = 0; i < steps; i++)
        {
            if (exec is null)
            {
                Record();
            }
            else
            {
                exec.Launch(Stream);
            }

            losses[i] = buffers.Read().Loss;
        }

        exec?.Dispose();
        return (losses, buffers.ReadQueue());
    }

    public void Dispose() => device.Dispose();

    private sealed class Buffers : IDisposable
    {
        private readonly TestDevice device;
        private readonly CudaStepShape shape;
        private readonly int dqStride;
        private readonly DeviceMemory q, k, queue, dq, keys, loss, statistics;

        public Buffers(TestDevice owner, CudaStepShape steps, float[] qRaw, float[] kRaw, FeatureQueue rows, int padding)
        {
            (device, shape, dqStride) = (owner, steps, steps.C + padding);
            q = Upload(Features(qRaw, padding));
            k = Upload(Features(kRaw, padding));
            queue = Upload(rows.Bytes);
            dq = Poisoned(steps.MaxN * dqStride);
            keys = Poisoned(steps.MaxN * steps.C);
            loss = Poisoned(1);
            statistics = Poisoned(7 * steps.MaxN);
            Addresses = new CudaStepBuffers
            {
                QRaw = q.Address,
                KRaw = k.Address,
                Queue = queue.Address,
                DqRaw = dq.Address,
                Keys = keys.Address,
                Loss = loss.Address,
                Statistics = statistics.Address,
                QStride = padding == 0 ? 0 : steps.C + padding,
                KStride = padding == 0 ? 0 : steps.C + padding,
                DqStride = padding == 0 ? 0 : dqStride,
            };
        }

        public CudaStepBuffers Addresses { get; }

        public StepResult Read()
        {
            (int n, int c) = (shape.MaxN, shape.C);
            float[] strided = Download(dq, n * dqStride), all = Download(statistics, 7 * n);
            var rows = new RowStatistics(n);
            float[][] arrays =
            [
                rows.Loss, rows.PositiveScore, rows.NegativeMean, rows.NegativeVariance, rows.PositiveExp, rows.NegativeExp,
            ];
            for (int i = 0; i < arrays.Length; i++)
            {
                all.AsSpan(i * n, n).CopyTo(arrays[i]);
            }

            MemoryMarshal.Cast<float, int>(all.AsSpan(6 * n, n)).CopyTo(rows.Rank);
            float[] gradient = [.. Enumerable.Range(0, n).SelectMany(i => strided.Skip(i * dqStride).Take(c))];
            return new StepResult(Download(loss, 1)[0], gradient, Download(keys, n * c), rows);
        }

        public byte[] ReadQueue()
        {
            byte[] bytes = new byte[queue.Bytes];
            queue.CopyTo<byte>(bytes, device.Stream);
            return bytes;
        }

        public void Dispose()
        {
            foreach (DeviceMemory memory in new[] { q, k, queue, dq, keys, loss, statistics })
            {
                memory.Dispose();
            }
        }

        // Rows with padding between them that no kernel may read a meaning into.
        private byte[] Features(float[] rows, int padding)
        {
            int size = shape.Features == ElementType.Float32 ? sizeof(float) : sizeof(ushort), c = shape.C;
            byte[] bytes = new byte[shape.MaxN * (c + padding) * size];
            bytes.AsSpan().Fill(Poison);
            for (int i = 0; i < rows.Length; i++)
            {
                Span<byte> place = bytes.AsSpan(((i / c * (c + padding)) + (i % c)) * size, size);
                if (size == sizeof(float))
                {
                    BitConverter.TryWriteBytes(place, rows[i]);
                }
                else
                {
                    BitConverter.TryWriteBytes(place, (ushort)(BitConverter.SingleToUInt32Bits(rows[i]) >> 16));
                }
            }

            return bytes;
        }

        private DeviceMemory Upload(ReadOnlySpan<byte> bytes)
        {
            var memory = new DeviceMemory(device.Stream.Context, bytes.Length);
            memory.CopyFrom(bytes, device.Stream);
            return memory;
        }

        private DeviceMemory Poisoned(int floats)
        {
            var memory = new DeviceMemory(device.Stream.Context, ((long)floats * sizeof(float)) + Canary);
            memory.Fill(Poison, device.Stream);
            return memory;
        }

        private float[] Download(DeviceMemory memory, int floats)
        {
            byte[] bytes = new byte[memory.Bytes];
            memory.CopyTo<byte>(bytes, device.Stream);
            Assert.All(bytes[^Canary..], b => Assert.Equal(Poison, b));
            return MemoryMarshal.Cast<byte, float>(bytes.AsSpan(0, floats * sizeof(float))).ToArray();
        }
    }
}
