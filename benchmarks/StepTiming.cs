using System.Diagnostics;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Devices.Cpu;
using FeatureTransform.Training.Methods;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Benchmarks;

internal static class StepTiming
{
    public static void Run(string[] args)
    {
        foreach ((float width, int n) in new[] { (0.25f, 128), (1f, 256) })
        {
            foreach (ElementType type in new[] { ElementType.BFloat16, ElementType.Float32 })
            {
                using var inner = new CpuDevice(type, 0);
                using var device = new TimedDevice(inner);
                var options = new PretrainOptions { Model = new ModelOptions { Width = width }, Optimizer = new OptimizerOptions { BatchSize = n } };
                using var moco = new MoCo(device, options);
                var random = new Random(1);
                float[] a = new float[n * 32 * 32 * 3], b = new float[a.Length];
                for (int i = 0; i < a.Length; i++) { a[i] = (float)random.NextDouble() - 0.5f; b[i] = a[i] + (float)random.NextDouble() * 0.1f; }
                int steps = width < 1 ? 20 : 4;
                for (int i = 0; i < 2; i++) { _ = moco.Step(a, b, (uint)i, true, 0.01f); }
                device.Reset();
                long before = GC.GetTotalAllocatedBytes(true);
                var watch = Stopwatch.StartNew();
                for (int i = 0; i < steps; i++) { _ = moco.Step(a, b, (uint)i, true, 0.01f); }
                double seconds = watch.Elapsed.TotalSeconds / steps;
                Console.WriteLine($"width {width} n {n} {type}: {seconds * 1e3:F1} ms, {n / seconds:F0} pairs/s, {(GC.GetTotalAllocatedBytes(true) - before) / steps} B/step");
                device.Print(steps, seconds);
            }
        }
    }
}
