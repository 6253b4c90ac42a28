using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace FeatureTransform.Training.Data;

/// <summary>
/// Makes the batches of a run ahead of time, in step order, on threads of its own. A batch is cut into slices of a few images,
/// so that all threads share the batch that is needed next; what it holds does not depend on their number. At most a ring of
/// batches exists: threads wait until one is returned.
/// </summary>
internal sealed class PairLoader : IDisposable
{
    // Four batches even out short hold-ups; of large images, fewer fit the memory of a common machine.
    private const int MostBatches = 4, FewestBatches = 2;
    private const long MostBytes = 1L << 30;

    private readonly IImageSet _set;
    private readonly int _batchSize;
    private readonly ulong _seed;
    private readonly long _endStep;
    private readonly int[] _order;
    private readonly Thread[] _threads;

    // All below is guarded by _gate, but for _stop, which is also read between two images.
    private readonly object _gate = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Stack<PairBatch> _free;
    private readonly PairBatch?[] _ring;
    private int _orderEpoch = -1;
    private long _nextStep;
    private long _stepToFill;
    private int _nextSlice;
    private bool _failed;

    /// <summary>Starts to make batches.</summary>
    /// <param name="set">Images; not disposed of here.</param>
    /// <param name="recipe">Augmentation.</param>
    /// <param name="size">S, width and height of a view in pixels.</param>
    /// <param name="batchSize">N, images of a batch.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="firstStep">Step of the first batch.</param>
    /// <param name="endStep">Step behind the last batch.</param>
    /// <param name="threads">Threads, at least 1.</param>
    /// <param name="create">Makes the batches of the ring; null: <see cref="ViewBatch"/>es.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are no threads.</exception>
    /// <exception cref="InvalidInputException">The set has fewer images than a batch.</exception>
    public PairLoader(
        IImageSet set,
        AugmentationRecipe recipe,
        int size,
        int batchSize,
        ulong seed,
        long firstStep,
        long endStep,
        int threads,
        Func<PairBatch>? create = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        if (batchSize > set.Count)
        {
            throw new InvalidInputException(
                $"A batch of {batchSize} images is larger than the set of {set.Count}; choose a smaller batch or add images.");
        }

        (_set, _batchSize, _seed) = (set, batchSize, seed);
        (_nextStep, _stepToFill, _endStep) = (firstStep, firstStep, endStep);
        _order = new int[set.Count];
        long bytes = 2L * batchSize * size * size * 3 * sizeof(float);
        _ring = new PairBatch?[(int)Math.Clamp(MostBytes / bytes, FewestBatches, MostBatches)];
        _free = new Stack<PairBatch>(_ring.Select<PairBatch?, PairBatch>(_ => create?.Invoke() ?? new ViewBatch(batchSize, size)));
        _threads = new Thread[threads];
        for (int i = 0; i < threads; i++)
        {
            var augmenter = new Augmenter(recipe, size, seed);
            _threads[i] = new Thread(() => Work(augmenter, new PixelScratch())) { IsBackground = true, Name = $"pairs {i}" };
            _threads[i].Start();
        }
    }

    /// <summary>Steps of an epoch; the images left over at its end are not used.</summary>
    public int StepsPerEpoch => _set.Count / _batchSize;

    /// <summary>Time that <see cref="Next"/> has waited for batches.</summary>
    public TimeSpan Waited { get; private set; }

    /// <summary>The batch of the next step; waits until it is there. Give it back with <see cref="Return"/>.</summary>
    /// <exception cref="InvalidOperationException">The last batch has been given.</exception>
    /// <exception cref="ObjectDisposedException">The loader is disposed of.</exception>
    public PairBatch Next()
    {
        lock (_gate)
        {
            if (_nextStep >= _endStep)
            {
                throw new InvalidOperationException($"There is no batch beyond step {_endStep - 1}.");
            }

            ref PairBatch? slot = ref _ring[_nextStep % _ring.Length];
            if (slot is null || slot.SlicesLeft > 0)
            {
                long start = Stopwatch.GetTimestamp();
                while (!_stop.IsCancellationRequested && (slot is null || (slot.SlicesLeft > 0 && slot.Failure is null)))
                {
                    Monitor.Wait(_gate);
                }

                Waited += Stopwatch.GetElapsedTime(start);
            }

            ObjectDisposedException.ThrowIf(_stop.IsCancellationRequested, this);
            PairBatch batch = slot!;
            batch.Failure?.Throw();
            slot = null;
            _nextStep++;
            return batch;
        }
    }

    /// <summary>Gives a batch back to be filled anew.</summary>
    public void Return(PairBatch batch)
    {
        lock (_gate)
        {
            _free.Push(batch);
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Stops the threads, each after the image at hand.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_stop.IsCancellationRequested)
            {
                return;
            }

            _stop.Cancel();
            Monitor.PulseAll(_gate);
        }

        foreach (Thread thread in _threads)
        {
            thread.Join();
        }

        _stop.Dispose();
    }

    private void Work(Augmenter augmenter, PixelScratch scratch)
    {
        while (TakeSlice() is (PairBatch batch, int slice))
        {
            ExceptionDispatchInfo? failure = null;
            try
            {
                batch.Fill(slice, _set, augmenter, scratch, _stop.Token);
            }
            catch (Exception error)
            {
                // Whatever it is, it belongs to the thread that asks for the batch.
                failure = ExceptionDispatchInfo.Capture(error);
            }

            Finish(batch, failure);
        }
    }

    /// <summary>The next slice to work on, or null where there is nothing more to do.</summary>
    private (PairBatch Batch, int Slice)? TakeSlice()
    {
        lock (_gate)
        {
            while (!_stop.IsCancellationRequested && !_failed && _stepToFill < _endStep)
            {
                ref PairBatch? slot = ref _ring[_stepToFill % _ring.Length];
                if (_nextSlice == 0)
                {
                    if (slot is not null || !_free.TryPop(out PairBatch? batch))
                    {
                        Monitor.Wait(_gate);
                        continue;
                    }

                    Begin(batch);
                    slot = batch;
                }

                PairBatch current = slot!;
                int slice = _nextSlice++;
                if (_nextSlice == current.Slices)
                {
                    (_stepToFill, _nextSlice) = (_stepToFill + 1, 0);
                }

                return (current, slice);
            }

            return null;
        }
    }

    private void Begin(PairBatch batch)
    {
        batch.Step = _stepToFill;
        batch.Epoch = (int)(_stepToFill / StepsPerEpoch);
        batch.SlicesLeft = batch.Slices;
        if (batch.Epoch != _orderEpoch)
        {
            EpochOrder.Fill(_seed, batch.Epoch, _order);
            _orderEpoch = batch.Epoch;
        }

        int first = (int)(_stepToFill % StepsPerEpoch) * _batchSize;
        _order.AsSpan(first, _batchSize).CopyTo(batch.Indices);
    }

    private void Finish(PairBatch batch, ExceptionDispatchInfo? failure)
    {
        lock (_gate)
        {
            batch.SlicesLeft--;
            batch.Failure ??= failure;
            _failed |= failure is not null;
            if (batch.SlicesLeft == 0 || _failed)
            {
                Monitor.PulseAll(_gate);
            }
        }
    }
}
