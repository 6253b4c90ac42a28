using System.Runtime.InteropServices;
using FeatureTransform.LibTorch;

namespace FeatureTransform.Training.Devices.Cpu;

/// <summary>
/// Runs numbered chunks of work on LibTorch's own threads: a second pool would fight with the spinning OpenMP threads for
/// the cores. What a chunk is must not depend on the number of threads; then neither do the results.
/// </summary>
internal static unsafe class CpuParallel
{
    private struct Job
    {
        public delegate*<int, void*, void> Body;
        public void* Context;
    }

    /// <summary>Calls body(chunk, context) for each chunk in 0..chunks-1. The body must not throw.</summary>
    public static void For<TContext>(int chunks, delegate*<int, void*, void> body, ref TContext context)
        where TContext : unmanaged
    {
        fixed (TContext* pointer = &context)
        {
            var job = new Job { Body = body, Context = pointer };
            ATen.ParallelFor(0, chunks, &Run, &job);
        }
    }

    [UnmanagedCallersOnly]
    private static void Run(long begin, long end, void* context)
    {
        Job job = *(Job*)context;
        for (long chunk = begin; chunk < end; chunk++)
        {
            job.Body((int)chunk, job.Context);
        }
    }
}
