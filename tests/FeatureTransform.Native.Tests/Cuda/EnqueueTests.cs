using FeatureTransform.Native.Cuda;
using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>enqueue and advance_step leave the bits that <see cref="FeatureQueue"/> leaves.</summary>
public abstract class EnqueueTests<TDevice> : KernelTests<TDevice>
    where TDevice : ITestDevice
{
    [Theory]
    [InlineData(1, 1, 1, ElementType.Float32)]
    [InlineData(3, 7, 5, ElementType.BFloat16)]
    [InlineData(7, 7, 33, ElementType.Float32)]
    [InlineData(31, 100, 64, ElementType.BFloat16)]
    [InlineData(32, 33, 128, ElementType.Float32)]
    [InlineData(5, 17, 257, ElementType.BFloat16)]
    [InlineData(257, 300, 3, ElementType.Float32)]
    public void A_ring_of_many_steps_has_the_bits_of_the_CPU(int n, int k, int c, ElementType type)
    {
        using KernelDevice device = TDevice.Open();
        var queue = new FeatureQueue(k, c, type);
        queue.Initialize(4);
        var ring = new Ring(device, queue);
        for (int i = 0; i < 5; i++)
        {
            float[] keys = Inputs.Uniform((i == 3 ? 1 : n) * c, i); // once a smaller batch
            keys[0] = -0f;
            keys[^1] *= 1e-40f;
            queue.Enqueue(keys);
            ring.Run(keys, i == 1 ? null : 0.5f);
            Accuracy.SameBits($"queue after step {i}", queue.Bytes.ToArray(), ring.Bytes);
            Assert.Equal(((uint)i + 1, 1u, (uint)queue.Position, 0u), ring.State);
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void After_a_loss_that_is_not_finite_queue_and_position_stay(float loss)
    {
        using KernelDevice device = TDevice.Open();
        var queue = new FeatureQueue(10, 4);
        queue.Initialize(5);
        queue.Enqueue(new float[7 * 4]);
        var ring = new Ring(device, queue);
        ring.Run(Inputs.Uniform(4 * 4, 1), loss);
        Assert.Equal(queue.Bytes.ToArray(), ring.Bytes);
        Assert.Equal((1u, 1u, 7u, 0u), ring.State);
    }

    private protected override byte[] Outputs(KernelDevice device)
    {
        var queue = new FeatureQueue(77, 65);
        queue.Initialize(6);
        var ring = new Ring(device, queue);
        ring.Run(Inputs.Uniform(50 * 65, 1), 1);
        ring.Run(Inputs.Uniform(50 * 65, 2), 1);
        return ring.Bytes;
    }

    private sealed class Ring(KernelDevice device, FeatureQueue start)
    {
        private readonly Enqueue kernel = new(device.Kernels, start.Type);
        private readonly DeviceArray<byte> rows = device.Guarded(start.Bytes);
        private readonly DeviceArray<StepState> state =
            device.Guarded<StepState>([new StepState { Transform = 1, Position = (uint)start.Position }]);

        public byte[] Bytes => rows.Read();

        public (uint Step, uint Transform, uint Position, uint Reserved) State =>
            state.Read()[0] is var now ? (now.Step, now.Transform, now.Position, now.Reserved) : default;

        public void Run(float[] keys, float? loss)
        {
            uint n = (uint)(keys.Length / start.C), k = (uint)start.K;
            ulong value = loss is { } known ? device.Upload<float>([known]).Address : 0;
            kernel.Launch(device.Stream, new EnqueueArgs
            {
                State = state.Address,
                Keys = device.Upload<float>(keys).Address,
                Loss = value,
                Queue = rows.Address,
                N = n,
                K = k,
                C = (uint)start.C,
            });
            kernel.Advance(device.Stream, new AdvanceStepArgs { State = state.Address, Loss = value, N = n, K = k });
        }
    }
}

public sealed class EnqueueOnEmulator : EnqueueTests<OnEmulator>;

public sealed class EnqueueOnGpu : EnqueueTests<OnGpu>;
