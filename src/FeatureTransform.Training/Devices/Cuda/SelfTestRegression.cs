using FeatureTransform.Training.Devices.Cpu;
using FeatureTransform.Training.Evaluation;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>The linear probe's classifier beside that of the CPU, after some steps.</summary>
internal static class SelfTestRegression
{
    private const int N = 256, C = 128, Classes = 10, Batches = 4, Steps = 20;

    public static IEnumerable<SelfTestCheck> Run(CudaDevice device)
    {
        int[] rows = [.. Enumerable.Range(0, Batches * N)];
        var set = new FeatureSet(DeviceBuffers.Uniform(rows.Length * C, 1), [.. rows.Select(row => row % Classes)], C);
        Standardization standardization = Standardization.Of(set, rows);
        float[] expected = Trained(new CpuSoftmaxRegression(standardization, Classes, N, threads: 0));
        float[] given = Trained(device.CreateSoftmaxRegression(standardization, Classes, N));
        yield return new("linear probe: weights after 20 steps, error in norm", SelfTestError.InNorm(expected, given), 1e-4);

        float[] Trained(ISoftmaxRegression model)
        {
            using (model)
            {
                for (int step = 0; step < Steps; step++)
                {
                    model.Step(set, rows, step % Batches * N, N, learningRate: 0.1f, momentum: 0.9f);
                }

                var weights = new float[Classes * (C + 1)];
                model.Read(weights);
                return weights;
            }
        }
    }
}
