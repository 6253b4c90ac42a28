namespace FeatureTransform.Training;

/// <summary>
/// Input of a person that cannot be used: an option, a file, an image set. The message is one line that says what was
/// wrong, what was expected and what to do; the command line prints it as it is.
/// </summary>
public sealed class InvalidInputException : Exception
{
    /// <summary>Creates it with a message for a person.</summary>
    public InvalidInputException(string message)
        : base(message)
    {
    }

    /// <summary>Creates it with a message for a person and the error behind it.</summary>
    public InvalidInputException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
