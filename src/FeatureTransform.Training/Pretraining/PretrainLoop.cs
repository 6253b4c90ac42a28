using System.Diagnostics;
using FeatureTransform.Native;
using FeatureTransform.Training.Data;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Methods;
using FeatureTransform.Training.Options;
using FeatureTransform.Training.Runs;

namespace FeatureTransform.Training.Pretraining;

/// <summary>The loop around MoCo's steps: data, schedule, logs, k-NN accuracy and checkpoints.</summary>
internal sealed class PretrainLoop : IDisposable
{
    private readonly PretrainOptions options;
    private readonly PretrainRequest request;
    private readonly RunFolder folder;
    private readonly IPretrainProgress progress;
    private readonly MoCo moco;
    private readonly PretrainEvaluation evaluation;
    private readonly EpochTotals totals = new();
    private readonly AugmentationRecipe recipe;
    private readonly ImageSplits images;
    private readonly IDevice device;
    private readonly int stepsPerEpoch, firstTransformed;
    private readonly long began, firstStep, totalSteps; // timestamp, steps
    private readonly Stopwatch training = new();
    private readonly Queue<GivenStep> unread = [];
    private StepReport last;
    private RowStatistics? plain;
    private double dataWait;

    // A step that was given to the device, and whose results are still to be read.
    private readonly record struct GivenStep(long Step, int Epoch, float LearningRate, bool Transform);

    public PretrainLoop(
        PretrainRequest request, IDevice device, ImageSplits images, RunFolder folder, IPretrainProgress progress, long began)
    {
        (this.request, options, this.device, this.images, this.folder, this.progress, this.began) =
            (request, request.Options, device, images, folder, progress, began);
        int n = options.Optimizer.BatchSize;
        stepsPerEpoch = images.Pretraining.Count / n;
        firstTransformed = options.Transform.FirstEpoch(stepsPerEpoch);
        totalSteps = (long)options.Optimizer.Epochs * stepsPerEpoch;
        recipe = AugmentationRecipe.Named(options.Data.Augmentation, options.Data.ImageSize);
        device.Reserve(options);
        moco = new MoCo(device, options);
        try
        {
            evaluation = new PretrainEvaluation(options, device, images, progress);
            firstStep = request.Resume ? Restore() : 0;
            folder.OpenLogs(firstStep, (int)(firstStep / stepsPerEpoch));
        }
        catch
        {
            moco.Dispose();
            throw;
        }
    }

    public PretrainResult Run(CancellationToken stop)
    {
        progress.Started(
            stepsPerEpoch, firstStep, totalSteps,
            $"{options.Method.Name}, {options.Model.Architecture} x{options.Model.Width}, {images.Description}, {device.Description}");
        if (options.Transform.IsOn && firstTransformed >= options.Optimizer.Epochs)
        {
            progress.Message(
                $"Feature transformation would begin with epoch {firstTransformed} (from 0), after the last of this run: it stays off; give an " +
                "earlier --ft-begin-epoch to use it.");
        }

        float? knn = null;
        var schedule = new LearningRateSchedule(options.Optimizer, stepsPerEpoch);
        int n = options.Optimizer.BatchSize;
        DumpWriter? dump = OpenDump();
        long step = firstStep;
        bool saved = true;
        int threads = options.Run.Threads > 0 ? options.Run.Threads : Environment.ProcessorCount;
        using (var loader = new PairLoader(
            images.Pretraining, recipe, options.Data.ImageSize, n, options.Run.Seed, firstStep, totalSteps, threads,
            create: dump is null ? moco.CreateBatch : null))
        {
            (double epochSeconds, TimeSpan epochWait) = (0, TimeSpan.Zero);
            var held = new Queue<PairBatch>(); // that the device may still copy
            while (step < totalSteps && !stop.IsCancellationRequested)
            {
                training.Start();
                PairBatch batch = loader.Next();                                    // N images, or their two views
                float learningRate = schedule.At(step);
                bool transform = batch.Epoch >= firstTransformed;
                plain = step + 1 == totalSteps ? new RowStatistics(n) : null;
                moco.Step(batch, (uint)step, transform, learningRate, plain);
                unread.Enqueue(new GivenStep(step, batch.Epoch, learningRate, transform));
                step++;
                saved = false;
                bool epochEnds = step % stepsPerEpoch == 0;
                bool saves = !epochEnds && options.Run.CheckpointEverySteps > 0 && step % options.Run.CheckpointEverySteps == 0;
                bool dumps = dump is { IsComplete: false };
                Read(epochEnds || saves || dumps ? 0 : device.StepsAhead);
                if (dumps)
                {
                    var views = (ViewBatch)batch;
                    dump!.Step(
                        new DumpStep(
                            step - 1, n, options.Data.ImageSize, views.View1, views.View2, moco.ShuffleOrder, transform, learningRate,
                            last.Loss, moco.Statistics),
                        moco.Query.Store, moco.Key.Store, moco.ReadQueue());
                }

                held.Enqueue(batch);
                if (held.Count > device.StepsAhead)
                {
                    loader.Return(held.Dequeue());
                }

                training.Stop();
                if (epochEnds)
                {
                    double seconds = training.Elapsed.TotalSeconds - epochSeconds;
                    TimeSpan waited = loader.Waited - epochWait;
                    (epochSeconds, epochWait) = (training.Elapsed.TotalSeconds, loader.Waited);
                    knn = evaluation.Knn(moco.Query, CancellationToken.None); // whole, as the row must not depend on a stop
                    EpochReport epoch = totals.Finish(last, knn, seconds, waited.TotalSeconds / seconds);
                    folder.Metrics.Append(epoch);
                    progress.Epoch(epoch);
                    Save(step);
                    saved = true;
                    dataWait = loader.Waited.TotalSeconds / training.Elapsed.TotalSeconds;
                    evaluation.MeasureBaseline(stop); // after the first epoch, so that training begins at once
                    GC.Collect(); // what evaluation and checkpoint leave behind, which would pile up from epoch to epoch
                }
                else if (saves)
                {
                    Save(step);
                    saved = true;
                }
            }

            training.Start();
            Read(0);
            training.Stop();
        }

        if (!saved)
        {
            Save(step);
        }

        return Finish(step, knn, stop);
    }

    public void Dispose() => moco.Dispose();

    // Waits for steps until no more than some are under way.
    private void Read(int most)
    {
        while (unread.Count > most)
        {
            GivenStep given = unread.Dequeue();
            float loss = moco.Read();
            last = StepReports.Of(
                moco.Statistics, options.Optimizer.BatchSize, given.Epoch, given.Step, loss, given.LearningRate, given.Transform);
            ThrowIfNotFinite(last);
            folder.Scores.Append(last);
            totals.Add(last);
            progress.Step(last, (given.Step + 1 - firstStep) * options.Optimizer.BatchSize / training.Elapsed.TotalSeconds);
        }
    }

    // The state before the first step, or null where nothing is dumped.
    private DumpWriter? OpenDump()
    {
        if (request.DumpSteps == 0 || request.DumpFile is null)
        {
            return null;
        }

        if (firstStep > 0)
        {
            throw new InvalidInputException("A dump begins with step 0: give --dump to a new run, not to one that is resumed.");
        }

        var dump = new DumpWriter(request.DumpFile, request.DumpSteps, options);
        dump.Begin(moco.Query.Store, moco.Key.Store, moco.ReadQueue());
        return dump;
    }

    private long Restore()
    {
        using Checkpoint? checkpoint = folder.Checkpoints.OpenNewestGood(progress);
        if (checkpoint is null)
        {
            progress.Message($"'{folder.Path}' has no checkpoint yet: starting from the beginning.");
            return 0;
        }

        RunConfig.RequireSame(checkpoint.Options, options);
        FeatureQueue queue = moco.ReadQueue();
        checkpoint.Restore(moco.Query.Store, moco.Key.Store, queue);
        moco.WriteQueue(queue);
        totals.Restore(checkpoint.EpochTotals);
        progress.Message($"Resuming '{folder.Path}' after {checkpoint.Step} of {totalSteps} steps.");
        return checkpoint.Step;
    }

    private void Save(long step) => folder.SaveCheckpoint(
        new CheckpointState(
            moco.Query.Store, moco.Key.Store, moco.ReadQueue(), options, step, (int)(step / stepsPerEpoch), totals.ToArray()),
        stepsPerEpoch);

    private PretrainResult Finish(long step, float? knn, CancellationToken stop)
    {
        bool finished = step == totalSteps;
        if (finished)
        {
            evaluation.MeasureBaseline(stop);
        }

        (float? pixels, float? untrained) = (evaluation.Pixels, evaluation.Untrained);
        knn ??= finished ? evaluation.Knn(moco.Query, stop) : null;
        float? linear = finished && request.LinearProbe ? evaluation.Linear(moco.Query, stop) : null;
        double seconds = training.Elapsed.TotalSeconds;
        double pairs = step == firstStep ? 0 : (step - firstStep) * options.Optimizer.BatchSize / seconds;
        string note = TransformNote.Of(options.Transform, firstTransformed, options.Optimizer.Epochs, moco.Statistics, plain);
        if (finished)
        {
            folder.WriteSummary(new RunSummary
            {
                KnnTop1 = knn,
                KnnTop1Pixels = pixels,
                KnnTop1Untrained = untrained,
                LinearTop1 = linear,
                Seconds = Stopwatch.GetElapsedTime(began).TotalSeconds,
                PairsPerSecond = pairs,
                DataWait = dataWait,
                Device = device.Description,
                Ft = note,
                Versions = RunVersions.Current(device.Libraries.LibTorch, device.Libraries.Cuda),
            });
        }

        return new PretrainResult(folder.Path, finished, step, knn, pixels, untrained, linear, seconds, pairs, note);
    }

    private void ThrowIfNotFinite(in StepReport report)
    {
        if (!float.IsFinite(report.Loss))
        {
            throw new InvalidInputException(
                $"The loss of step {report.Step} (epoch {report.Epoch}) is {report.Loss}: training has diverged, and the checkpoints before " +
                $"it are kept in '{folder.Path}'. Lower --lr or raise --warmup-steps or --tau.");
        }
    }
}
