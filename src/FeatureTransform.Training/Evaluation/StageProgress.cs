namespace FeatureTransform.Training.Evaluation;

/// <summary>Counts one stage of work, which may have several parts, towards its total.</summary>
internal sealed class StageProgress(IProgressReport report, string name, long total)
{
    private long done;

    public void Advance(long count) => report.Stage(name, done += count, total);
}
