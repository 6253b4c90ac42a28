using System.Globalization;
using FeatureTransform.Training.Options;
using FeatureTransform.Training.Pretraining;

namespace FeatureTransform.Training.Runs;

/// <summary>
/// The folder of a run: <c>config.json</c>, <c>metrics.csv</c>, <c>scores.csv</c>, <c>checkpoints/</c>, <c>summary.json</c>.
/// It is held by one process at a time, until it is disposed or the process ends, however that may be.
/// </summary>
internal sealed class RunFolder : IDisposable
{
    private const string LockName = ".lock", CheckpointsName = "checkpoints";
    private readonly FileStream hold;
    private CsvLog<StepReport>? scores;
    private CsvLog<EpochReport>? metrics;

    private RunFolder(string path, FileStream hold, PretrainOptions options)
    {
        (Path, this.hold, Options) = (path, hold, options);
        Checkpoints = new CheckpointFolder(Join(CheckpointsName));
    }

    public string Path { get; }

    /// <summary>What <c>config.json</c> holds.</summary>
    public PretrainOptions Options { get; }

    public CheckpointFolder Checkpoints { get; }

    /// <summary><c>scores.csv</c>, once <see cref="OpenLogs"/> was called.</summary>
    public CsvLog<StepReport> Scores => scores ?? throw new InvalidOperationException("OpenLogs comes first.");

    /// <summary><c>metrics.csv</c>, once <see cref="OpenLogs"/> was called.</summary>
    public CsvLog<EpochReport> Metrics => metrics ?? throw new InvalidOperationException("OpenLogs comes first.");

    /// <summary>The folder that a run gets by default: <c>runs/2026-01-31-143000-moco-v2-cifar10</c>.</summary>
    public static string DefaultPath(PretrainOptions options, DateTime now)
    {
        string data = System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(options.Data.Source)).Split('.')[0];
        string date = now.ToString("yyyy-MM-dd-HHmmss", CultureInfo.InvariantCulture);
        return System.IO.Path.Combine("runs", $"{date}-{options.Method.Name}-{(data.Length > 0 ? data : "data")}");
    }

    /// <summary>Whether a path is the folder of a run.</summary>
    public static bool IsRun(string path) => File.Exists(System.IO.Path.Combine(path, RunConfig.FileName));

    /// <summary>The checkpoints in a run's folder, for reading.</summary>
    public static CheckpointFolder CheckpointsOf(string path) => new(System.IO.Path.Combine(path, CheckpointsName));

    /// <summary>Makes the folder of a new run.</summary>
    /// <exception cref="InvalidInputException">It holds something already, or cannot be written.</exception>
    public static RunFolder Create(string path, PretrainOptions options)
    {
        bool existed = Directory.Exists(path);
        RunFolder? folder = null;
        try
        {
            if (existed && Directory.EnumerateFileSystemEntries(path).Any(entry => !IsRemnant(entry)))
            {
                throw new InvalidInputException(
                    $"'{path}' is not empty: name another folder with --out, or continue the run in it with --resume.");
            }

            Directory.CreateDirectory(path);
            folder = new RunFolder(path, Lock(path), options);
            RunConfig.Write(folder.Join(RunConfig.FileName), options);
            Directory.CreateDirectory(folder.Join(CheckpointsName));
            return folder;
        }
        catch (Exception error)
        {
            folder?.Dispose();
            if (folder is not null && !existed)
            {
                Directory.Delete(path, recursive: true);
            }

            if (error is IOException or UnauthorizedAccessException)
            {
                throw new InvalidInputException($"Cannot make the run folder '{path}': {FileErrors.Describe(error)}.", error);
            }

            throw;
        }
    }

    /// <summary>Opens the folder of a run to continue it, and clears what a killed process left half-written.</summary>
    /// <exception cref="InvalidInputException">It is no run folder, or another process trains in it.</exception>
    public static RunFolder Open(string path)
    {
        if (!IsRun(path))
        {
            throw new InvalidInputException(
                $"'{path}' is no run folder ({(Directory.Exists(path) ? $"it has no {RunConfig.FileName}" : "no such folder")}): name the folder of an earlier run.");
        }

        FileStream hold = Lock(path);
        try
        {
            var folder = new RunFolder(path, hold, RunConfig.Read(System.IO.Path.Combine(path, RunConfig.FileName)));
            Directory.CreateDirectory(folder.Join(CheckpointsName));
            AtomicFile.RemoveLeftovers(path);
            AtomicFile.RemoveLeftovers(folder.Join(CheckpointsName));
            return folder;
        }
        catch (Exception error)
        {
            hold.Dispose();
            if (error is IOException or UnauthorizedAccessException)
            {
                throw new InvalidInputException($"Cannot open the run folder '{path}': {FileErrors.Describe(error)}.", error);
            }

            throw;
        }
    }

    /// <summary>Opens both tables with the rows that a checkpoint counts on and no more; 0 and 0 start them anew.</summary>
    /// <param name="steps">Steps done.</param>
    /// <param name="epochs">Epochs done.</param>
    /// <exception cref="InvalidInputException">A row is missing, or a table cannot be written.</exception>
    public void OpenLogs(long steps, int epochs)
    {
        scores = RunLogs.Scores(Join("scores.csv"), steps);
        metrics = RunLogs.Metrics(Join("metrics.csv"), epochs);
    }

    /// <summary>Saves a checkpoint, after the rows that it counts on have reached the disk.</summary>
    /// <exception cref="InvalidInputException">Something cannot be written; the previous checkpoints are as they were.</exception>
    public void SaveCheckpoint(CheckpointState state, int stepsPerEpoch)
    {
        Scores.Flush();
        Metrics.Flush();
        Checkpoints.Save(state, stepsPerEpoch);
    }

    /// <summary>Writes <c>summary.json</c>.</summary>
    /// <exception cref="InvalidInputException">It cannot be written.</exception>
    public void WriteSummary(RunSummary summary) => AtomicFile.WriteText(Join("summary.json"), summary.ToJson() + "\n");

    public void Dispose()
    {
        try
        {
            scores?.Dispose();
            metrics?.Dispose();
        }
        finally
        {
            hold.Dispose();
        }
    }

    // What a process leaves that is killed before its folder is one of a run.
    private static bool IsRemnant(string entry) => System.IO.Path.GetFileName(entry) == LockName || AtomicFile.IsLeftover(entry);

    // The handle, not the file, is the lock: the system lets go of it when a process is killed.
    private static FileStream Lock(string path)
    {
        try
        {
            return new FileStream(System.IO.Path.Combine(path, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (UnauthorizedAccessException error)
        {
            throw new InvalidInputException($"The run folder '{path}' cannot be written: permission denied.", error);
        }
        catch (IOException error) when (File.Exists(System.IO.Path.Combine(path, LockName)))
        {
            throw new InvalidInputException($"Another process trains in '{path}': wait for it, or name another folder.", error);
        }
    }

    private string Join(string name) => System.IO.Path.Combine(Path, name);
}
