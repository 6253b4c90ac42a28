namespace FeatureTransform.Training;

/// <summary>Who watches a command: the live display, the plain log, or a test.</summary>
public interface IProgressReport
{
    /// <summary>A line for the person: a checkpoint refused, an image skipped. May be called by any thread.</summary>
    void Message(string text);

    /// <summary>A stage besides training (decoding images, k-NN, linear probe), told by the thread that runs the command: its name, and done / total.</summary>
    void Stage(string name, long done, long total);
}
