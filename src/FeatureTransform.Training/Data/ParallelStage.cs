namespace FeatureTransform.Training.Data;

/// <summary>Work over many images on the thread pool, of which the calling thread tells the person.</summary>
internal static class ParallelStage
{
    private static readonly TimeSpan ReportEvery = TimeSpan.FromMilliseconds(100);

    /// <summary>Calls body(i) for i in 0..count-1, in any order, and reports done / total from the calling thread.</summary>
    public static void Run(string name, int count, IProgressReport progress, Action<int> body)
    {
        int done = 0;
        Task work = Task.Run(() => Parallel.For(0, count, i =>
        {
            body(i);
            Interlocked.Increment(ref done);
        }));
        while (Task.WaitAny([work], ReportEvery) < 0)
        {
            progress.Stage(name, Volatile.Read(ref done), count);
        }

        try
        {
            work.GetAwaiter().GetResult();
        }
        catch (AggregateException errors)
        {
            throw errors.InnerExceptions[0] as InvalidInputException
                ?? new InvalidInputException($"{name} failed: {errors.InnerExceptions[0].Message}", errors);
        }

        progress.Stage(name, count, count);
    }
}
