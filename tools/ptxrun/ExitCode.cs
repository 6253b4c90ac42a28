namespace FeatureTransform.PtxRun;

/// <summary>Exit codes of the program.</summary>
internal static class ExitCode
{
    /// <summary>The kernel ran and nothing was found.</summary>
    public const int Clean = 0;

    /// <summary>A defect of this program.</summary>
    public const int Unexpected = 1;

    /// <summary>The command line, the case or a file that it names cannot be used.</summary>
    public const int BadInput = 2;

    /// <summary>The kernel ran to its end and something was found.</summary>
    public const int Findings = 3;

    /// <summary>The text is no PTX that the emulator knows.</summary>
    public const int Refused = 4;

    /// <summary>The kernel faulted, waits for ever or does not end.</summary>
    public const int Fault = 5;

    private static readonly int[] ByGravity = [Clean, Findings, BadInput, Refused, Fault, Unexpected];

    /// <summary>The graver of two.</summary>
    public static int Worst(int a, int b) => Array.IndexOf(ByGravity, a) >= Array.IndexOf(ByGravity, b) ? a : b;
}

/// <summary>Input that cannot be used; the message is the one line that the person reads.</summary>
internal sealed class BadInputException(string message) : Exception(message);
