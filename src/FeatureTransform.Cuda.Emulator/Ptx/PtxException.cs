namespace FeatureTransform.Cuda.Emulator;

/// <summary>
/// A text that is no PTX the emulator knows: the message says where, what was found and what would have been accepted.
/// </summary>
public sealed class PtxException : Exception
{
    /// <summary>A refusal without a place.</summary>
    public PtxException(string message) : base(message)
    {
    }

    /// <summary>A refusal at a line of the text, counted from 1.</summary>
    public PtxException(int line, string message) : base($"line {line}: {message}") => Line = line;

    /// <summary>The line of the PTX text, counted from 1; 0 where the fault has no place.</summary>
    public int Line { get; }
}
