using FeatureTransform.Cuda;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>
/// A training step as a CUDA graph: run as it is once, so that plans, modules and memory are there, then recorded, and launched as a
/// whole from then on. Where it cannot be recorded, it goes on as it is.
/// </summary>
/// <param name="stream">Where the step runs.</param>
/// <param name="arena">Where its tensors are: each step takes and gives back the same blocks.</param>
/// <param name="records">False: every step runs as it is.</param>
/// <param name="report">Is told where a step cannot be recorded.</param>
internal sealed class StepGraph(CudaStream stream, DeviceArena arena, bool records, Action<string>? report) : IDisposable
{
    private Action? known;
    private CudaGraphExec? recorded;
    private bool refuses = !records;

    /// <summary>Does a step, in the order of the stream.</summary>
    /// <exception cref="CudaException">An operation of the step fails.</exception>
    public void Run(Action step)
    {
        if (step != known)
        {
            Forget();
            step();
            known = step; // behind it, as the step may have moved memory
            return;
        }

        if (recorded is null && !refuses)
        {
            Record(step);
        }

        if (recorded is null)
        {
            step();
        }
        else
        {
            recorded.Launch(stream);
        }
    }

    /// <summary>Memory that was recorded moves: the next step runs as it is, and the one after it is recorded.</summary>
    public void Forget()
    {
        recorded?.Dispose();
        (recorded, known) = (null, null);
    }

    public void Dispose() => Forget();

    private void Record(Action step)
    {
        IReadOnlyList<nint> before = arena.GetLive();
        try
        {
            stream.BeginCapture();
            using CudaGraph graph = Capture(step);
            recorded = graph.Instantiate();
        }
        catch (CudaException error) when (!error.IsSticky)
        {
            arena.FreeAllBut(before);
            refuses = true;
            report?.Invoke($"Training without a CUDA graph, as a step cannot be recorded: {error.Message}");
        }
    }

    private CudaGraph Capture(Action step)
    {
        try
        {
            step();
        }
        catch
        {
            // What was recorded is of no use, but the stream must be left as it was.
            try
            {
                stream.EndCapture().Dispose();
            }
            catch (CudaException)
            {
                // The first error tells more.
            }

            throw;
        }

        return stream.EndCapture();
    }
}
