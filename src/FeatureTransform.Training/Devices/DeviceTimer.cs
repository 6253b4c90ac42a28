using FeatureTransform.Cuda;

namespace FeatureTransform.Training.Devices;

/// <summary>Device times of work on a stream, by events.</summary>
internal sealed class DeviceTimer(CudaStream stream)
{
    private const int Warmups = 3, Samples = 15;

    /// <summary>
    /// Microseconds of <paramref name="work"/>, median: recorded <paramref name="repeats"/> times into one graph, so that nothing is
    /// launched in between and what it reads stays in the device's cache as far as it fits.
    /// </summary>
    public double Warm(int repeats, Action work)
    {
        stream.BeginCapture();
        for (int i = 0; i < repeats; i++)
        {
            work();
        }

        using CudaGraph graph = stream.EndCapture();
        using CudaGraphExec exec = graph.Instantiate();
        return Median(() => exec.Launch(stream), before: null) / repeats;
    }

    /// <summary>Microseconds of <paramref name="work"/>, median, each time after <paramref name="before"/>, which is not counted.</summary>
    public double After(Action before, Action work)
    {
        stream.BeginCapture();
        work();
        using CudaGraph graph = stream.EndCapture();
        using CudaGraphExec exec = graph.Instantiate();
        return Median(() => exec.Launch(stream), before);
    }

    /// <summary>Microseconds of <paramref name="work"/>, median, with what the host does in between.</summary>
    public double Direct(Action work) => Median(work, before: null);

    private double Median(Action work, Action? before)
    {
        for (int i = 0; i < Warmups; i++)
        {
            work();
        }

        double[] microseconds = new double[Samples];
        using var begin = new CudaEvent(stream.Context, timed: true);
        using var end = new CudaEvent(stream.Context, timed: true);
        for (int i = 0; i < Samples; i++)
        {
            before?.Invoke();
            begin.Record(stream);
            work();
            end.Record(stream);
            end.Synchronize();
            microseconds[i] = 1e3 * end.MillisecondsSince(begin);
        }

        Array.Sort(microseconds);
        return microseconds[Samples / 2];
    }
}
