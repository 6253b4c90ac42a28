namespace FeatureTransform.Native;

/// <summary>
/// Runs numbered items on the calling thread and, where the thread pool has threads to spare, on some of its: the caller
/// waits for items, never for a pool thread that has not begun. Allocates nothing a run.
/// </summary>
internal sealed class WorkQueue : IThreadPoolWorkItem, IDisposable
{
    private readonly int helpers;
    private readonly Action<int> body;
    private readonly ManualResetEventSlim finished = new();
    private Exception? error;
    private long state; // items of the run << 32 | next item, so that both change at once
    private int completed;

    public WorkQueue(int threads, Action<int> body) => (helpers, this.body) = (threads - 1, body);

    public void Run(int items)
    {
        (completed, error) = (0, null);
        finished.Reset();
        Volatile.Write(ref state, (long)items << 32);
        for (int i = 0; i < Math.Min(helpers, items - 1); i++)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        Execute();
        finished.Wait();
        if (error is not null)
        {
            throw new InvalidOperationException("A part of a parallel operation failed.", error);
        }
    }

    public void Execute()
    {
        for (long seen = Volatile.Read(ref state); (int)seen < (int)(seen >> 32); seen = Volatile.Read(ref state))
        {
            if (Interlocked.CompareExchange(ref state, seen + 1, seen) != seen)
            {
                continue;
            }

            try
            {
                body((int)seen);
            }
            catch (Exception caught)
            {
                // Told by Run, on the thread that called it.
                Interlocked.CompareExchange(ref error, caught, null);
            }

            if (Interlocked.Increment(ref completed) == (int)(seen >> 32))
            {
                finished.Set();
            }
        }
    }

    public void Dispose() => finished.Dispose();
}
