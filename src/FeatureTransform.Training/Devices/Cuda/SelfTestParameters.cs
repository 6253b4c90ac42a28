using FeatureTransform.Native;
using FeatureTransform.Native.Cuda;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>
/// The passes over all parameters beside their formulas in fp32, each operation rounded: the bits of <see cref="Cpu.ElementwiseKernels"/>,
/// which need LibTorch for its threads.
/// </summary>
internal static class SelfTestParameters
{
    private const float M = 0.99f, Rate = 0.03f, Momentum = 0.9f, Decay = 5e-4f;

    public static IEnumerable<SelfTestCheck> RunEma(SelfTestBench bench)
    {
        int count = bench.Parameters;
        float[] target = DeviceBuffers.Uniform(count, 1), source = DeviceBuffers.Uniform(count, 2);
        var args = new EmaArgs
        {
            Target = bench.Memory.Upload<float>(target),
            Source = bench.Memory.Upload<float>(source),
            Count = (ulong)count,
            M = M,
            Rest = 1 - M,
        };
        var ema = new Ema(bench.Kernels, ElementType.Float32);
        ema.Launch(bench.Stream, args);
        float[] given = bench.Memory.Read<float>(args.Target, count);
        for (int i = 0; i < count; i++)
        {
            target[i] = (M * target[i]) + ((1 - M) * source[i]);
        }

        return [new("EMA: weights that differ", SelfTestError.DifferentWords<float>(target, given), 0, bench.Time(() => ema.Launch(bench.Stream, args)))];
    }

    public static IEnumerable<SelfTestCheck> RunSgd(SelfTestBench bench)
    {
        int count = bench.Parameters;
        var table = new ParameterTable();
        table.Add(0, count, ParameterFlags.Decay);
        int chunks = table.Chunks.Length;
        float[] weights = DeviceBuffers.Uniform(count, 1), gradient = DeviceBuffers.Uniform(count, 2), velocity = DeviceBuffers.Uniform(count, 3);
        var arrays = new ParameterArrays
        {
            Chunks = bench.Memory.Upload(table.Chunks),
            Segments = bench.Memory.Upload(table.Segments),
            Weights = bench.Memory.Upload<float>(weights),
            Gradient = bench.Memory.Upload<float>(gradient),
            Velocity = bench.Memory.Upload<float>(velocity),
            LearningRate = bench.Memory.Upload<float>([Rate]),
        };
        var args = new SgdArgs { Arrays = arrays, Momentum = Momentum, Decay = Decay };
        var sgd = new Sgd(bench.Kernels, ElementType.Float32);
        sgd.Launch(bench.Stream, chunks, args);
        float[] given = bench.Memory.Read<float>(arrays.Weights, count), givenVelocity = bench.Memory.Read<float>(arrays.Velocity, count);
        for (int i = 0; i < count; i++)
        {
            velocity[i] = (Momentum * velocity[i]) + (gradient[i] + (Decay * weights[i]));
            weights[i] -= Rate * velocity[i];
        }

        int different = SelfTestError.DifferentWords<float>(weights, given) + SelfTestError.DifferentWords<float>(velocity, givenVelocity);
        return [new("SGD: weights and velocities that differ", different, 0, bench.Time(() => sgd.Launch(bench.Stream, chunks, args)))];
    }
}
