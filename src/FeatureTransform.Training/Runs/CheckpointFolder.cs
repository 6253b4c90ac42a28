using System.Globalization;

namespace FeatureTransform.Training.Runs;

/// <summary>The checkpoints of a run, <c>step-0000001234.safetensors</c>, and which of them stay.</summary>
internal sealed class CheckpointFolder(string path)
{
    private const string Prefix = "step-", Suffix = ".safetensors";

    /// <summary>
    /// Saves a checkpoint, then removes what need not stay: all but the newest <c>KeepCheckpoints</c> and the end of each
    /// <c>KeepEveryEpochs</c>-th epoch. Saves nothing where <c>KeepCheckpoints</c> is 0.
    /// </summary>
    /// <exception cref="InvalidInputException">It cannot be written; the previous ones are as they were.</exception>
    public void Save(CheckpointState state, int stepsPerEpoch)
    {
        (int keep, int everyEpochs) = (state.Options.Run.KeepCheckpoints, state.Options.Run.KeepEveryEpochs);
        if (keep == 0)
        {
            return;
        }

        Checkpoint.Save(Path.Combine(path, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{state.Step:D10}{Suffix}")), state);
        int older = 0;
        foreach ((long step, string file) in NewestFirst())
        {
            // What lies beyond this step was refused when the run was resumed, or it would have been resumed from there.
            bool stays = step <= state.Step && (older++ < keep || IsKeptEpoch(step, (long)everyEpochs * stepsPerEpoch));
            if (!stays)
            {
                Delete(file);
            }
        }
    }

    /// <summary>Opens the newest checkpoint that is whole, telling of each that is not; null where there is none at all.</summary>
    /// <exception cref="InvalidInputException">There are checkpoints, but none that is whole.</exception>
    public Checkpoint? OpenNewestGood(IProgressReport report)
    {
        List<(long Step, string File)> files = NewestFirst();
        foreach ((_, string file) in files)
        {
            try
            {
                return Checkpoint.Open(file);
            }
            catch (InvalidInputException error)
            {
                report.Message($"{error.Message} Trying the checkpoint before it.");
            }
        }

        return files.Count == 0 ? null : throw new InvalidInputException(
            $"None of the {files.Count} checkpoints in '{path}' can be used: start a new run.");
    }

    private static bool IsKeptEpoch(long step, long everySteps) => everySteps > 0 && step > 0 && step % everySteps == 0;

    private static void Delete(string file)
    {
        try
        {
            File.Delete(file);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"Cannot remove the old checkpoint '{file}': {FileErrors.Describe(error)}.", error);
        }
    }

    private List<(long Step, string File)> NewestFirst()
    {
        var found = new List<(long Step, string File)>();
        foreach (string file in Directory.Exists(path) ? Directory.GetFiles(path, $"{Prefix}*{Suffix}") : [])
        {
            string name = Path.GetFileName(file);
            if (long.TryParse(
                name.AsSpan(Prefix.Length, name.Length - Prefix.Length - Suffix.Length), NumberStyles.None, CultureInfo.InvariantCulture,
                out long step))
            {
                found.Add((step, file));
            }
        }

        found.Sort((a, b) => b.Step.CompareTo(a.Step));
        return found;
    }
}
