namespace FeatureTransform.Native;

/// <summary>
/// Runs numbered items on the calling thread and, where the thread pool has threads to spare, on some of its: the caller
/// waits for items, never for a pool thread that has not begun. Each of the threads that take part has a number, so that it
/// can own scratch memory. Allocates nothing a run.
/// </summary>
internal sealed class WorkQueue : IThreadPoolWorkItem, IDisposable
{
    private readonly Action<int, int> body;
    private readonly int[] taken;
    private readonly ManualResetEventSlim finished = new();
    private Exception? error;
    private long state; // items of the run << 32 | next item, so that both change at once
    private int completed;
    private int requests; // in the pool's queue

    /// <summary>Items are done by <paramref name="body"/>(item, thread), thread in 0..threads-1.</summary>
    public WorkQueue(int threads, Action<int, int> body) => (taken, this.body) = (new int[threads], body);

    public int Threads => taken.Length;

    public void Run(int items)
    {
        (completed, error) = (0, null);
        finished.Reset();
        Volatile.Write(ref state, (long)items << 32);

        // Requests that the pool has not come to yet, of an earlier run, serve this one: its queue does not grow.
        int helpers = Math.Min(Threads, items) - 1;
        while (Volatile.Read(ref requests) < helpers)
        {
            Interlocked.Increment(ref requests);
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        Work(0);
        finished.Wait();
        if (error is not null)
        {
            throw new InvalidOperationException("A part of a parallel operation failed.", error);
        }
    }

    public void Execute()
    {
        Interlocked.Decrement(ref requests);

        // A pool thread that comes late meets a later run; then there may be one too many. Number 0 is the caller's.
        for (int thread = 1; thread < Threads; thread++)
        {
            if (Interlocked.Exchange(ref taken[thread], 1) == 0)
            {
                Work(thread);
                Volatile.Write(ref taken[thread], 0);
                return;
            }
        }
    }

    private void Work(int thread)
    {
        for (long seen = Volatile.Read(ref state); (int)seen < (int)(seen >> 32); seen = Volatile.Read(ref state))
        {
            if (Interlocked.CompareExchange(ref state, seen + 1, seen) != seen)
            {
                continue;
            }

            try
            {
                body((int)seen, thread);
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
