using System.Runtime.Intrinsics;
using FeatureTransform.Native;

namespace FeatureTransform.Training.Devices.Cpu;

/// <summary>Global average pooling, and bias and ReLU of the small matrices of the heads.</summary>
internal sealed unsafe partial class CpuDevice
{
    private struct PoolJob
    {
        public void* Image;   // N x pixels x C
        public void* Vector;  // N x C
        public int Pixels;
        public int C;
    }

    public Tensor GlobalAverage(Tensor x)
    {
        Tensor y = Empty(type, x.N, 1, 1, x.C);
        var job = new PoolJob { Image = (void*)x.Data, Vector = (void*)y.Data, Pixels = x.H * x.W, C = x.C };
        CpuParallel.For(x.N, type == ElementType.Float32 ? &Average<Float32Lanes> : &Average<BFloat16Lanes>, ref job);
        return y;
    }

    public Tensor GlobalAverageBackward(Tensor dy, int h, int w)
    {
        Tensor dx = Empty(type, dy.N, h, w, dy.C);
        var job = new PoolJob { Image = (void*)dx.Data, Vector = (void*)dy.Data, Pixels = h * w, C = dy.C };
        CpuParallel.For(dy.N, type == ElementType.Float32 ? &Spread<Float32Lanes> : &Spread<BFloat16Lanes>, ref job);
        return dx;
    }

    private static void Average<T>(int n, void* context)
        where T : struct, ILanes
    {
        PoolJob job = *(PoolJob*)context;
        long image = (long)n * job.Pixels * job.C, vector = (long)n * job.C;
        for (int c = 0; c < job.C; c += BatchNormJob.Lanes)
        {
            Vector512<float> sum = default;
            for (int pixel = 0; pixel < job.Pixels; pixel++)
            {
                sum += T.Load(job.Image, image + ((long)pixel * job.C) + c);
            }

            T.Store(sum * (1f / job.Pixels), job.Vector, vector + c);
        }
    }

    private static void Spread<T>(int n, void* context)
        where T : struct, ILanes
    {
        PoolJob job = *(PoolJob*)context;
        long image = (long)n * job.Pixels * job.C, vector = (long)n * job.C;
        for (int pixel = 0; pixel < job.Pixels; pixel++)
        {
            for (int c = 0; c < job.C; c += BatchNormJob.Lanes)
            {
                T.Store(T.Load(job.Vector, vector + c) * (1f / job.Pixels), job.Image, image + ((long)pixel * job.C) + c);
            }
        }
    }

    private static float Get(Tensor x, long index) =>
        x.Type == ElementType.Float32
            ? ((float*)x.Data)[index]
            : BitConverter.UInt32BitsToSingle((uint)((ushort*)x.Data)[index] << 16);

    private static void Set(Tensor x, long index, float value)
    {
        if (x.Type == ElementType.Float32)
        {
            ((float*)x.Data)[index] = value;
        }
        else
        {
            ((ushort*)x.Data)[index] = BFloat16.Round(value);
        }
    }

    private static void AddBias(Tensor y, float* bias, bool relu)
    {
        for (long i = 0; i < y.Count; i++)
        {
            float value = Get(y, i) + bias[i % y.C];
            Set(y, i, relu ? MathF.Max(value, 0) : value);
        }
    }

    private static void BiasBackward(Tensor dy, Tensor y, float* biasGradient, bool relu)
    {
        new Span<float>(biasGradient, dy.C).Clear();
        for (long i = 0; i < dy.Count; i++)
        {
            float gradient = relu && Get(y, i) <= 0 ? 0 : Get(dy, i);
            Set(dy, i, gradient);
            biasGradient[i % dy.C] += gradient;
        }
    }

    private void CopyToFloat(void* source, float* target, long count)
    {
        if (type == ElementType.Float32)
        {
            Buffer.MemoryCopy(source, target, count * sizeof(float), count * sizeof(float));
            return;
        }

        BFloat16.Widen((ushort*)source, target, count);
    }

    private void TransposeToChannelsLast(void* source, float* target, int k, int c, int taps)
    {
        var view = new Tensor(1, (nint)source, type, k, 1, taps, c);
        for (int filter = 0; filter < k; filter++)
        {
            for (int channel = 0; channel < c; channel++)
            {
                for (int tap = 0; tap < taps; tap++)
                {
                    target[(((long)filter * taps) + tap) * c + channel] = Get(view, (((long)filter * c) + channel) * taps + tap);
                }
            }
        }
    }
}
