namespace FeatureTransform.Training.Tests.Runs;

/// <summary>Keeps what a person would have read.</summary>
internal sealed class MessageLog : IProgressReport
{
    public List<string> Messages { get; } = [];

    public void Message(string text) => Messages.Add(text);

    public void Stage(string name, long done, long total)
    {
    }
}
