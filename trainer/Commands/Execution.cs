using System.CommandLine;
using FeatureTransform.Cuda;
using FeatureTransform.Trainer.Display;
using FeatureTransform.Training;

namespace FeatureTransform.Trainer.Commands;

/// <summary>Runs a command: display, stop signals, errors as one line, exit code.</summary>
internal static class Execution
{
    public static Option<bool> Quiet { get; } = new("--quiet", "-q")
    {
        Description = "Show no progress; warnings and errors go to the error stream.",
        Recursive = true,
    };

    public static Option<bool> Verbose { get; } = new("--verbose", "-v")
    {
        Description = "Show where an error came from and, at the end of a run on a CUDA device or the emulator, what each kernel takes: " +
            "registers, bytes of spills, shared and local memory.",
        Recursive = true,
    };

    /// <param name="parse">What was given.</param>
    /// <param name="prepare">Reads and checks all options, before any work; bad input in it is an error of usage.</param>
    /// <param name="work">Does the work; what it returns is printed at the end.</param>
    public static int Run<T>(ParseResult parse, Func<T> prepare, Func<T, IDisplay, CancellationToken, Outcome> work)
    {
        T request;
        try
        {
            request = prepare();
        }
        catch (InvalidInputException error)
        {
            return Report(parse, error, ExitCode.Usage);
        }

        try
        {
            Outcome outcome;
            using (IDisplay display = Displays.Create(parse.GetValue(Quiet)))
            using (var signals = new StopSignals(display))
            {
                outcome = work(request, display, signals.Token);
            }

            if (outcome.Text is { } text)
            {
                Console.Out.WriteLine(text);
            }

            return outcome.ExitCode;
        }
        catch (OperationCanceledException)
        {
            Console.Error.WriteLine("Stopped before the end; nothing was written.");
            return ExitCode.Stopped;
        }
#pragma warning disable CA1031 // The last line of defence: whatever went wrong is one line and an exit code.
        catch (Exception error)
#pragma warning restore CA1031
        {
            return Report(parse, error, ExitCode.Failure);
        }
    }

    private static int Report(ParseResult parse, Exception error, int code)
    {
        // A library that cannot be loaded surfaces through the static constructor that loads it.
        Exception cause = error is TypeInitializationException { InnerException: { } inner } ? inner : error;
        string text = cause is InvalidInputException or DllNotFoundException or CudaException
            ? cause.Message
            : $"Unexpected {cause.GetType().Name}: {cause.Message}";
        Console.Error.WriteLine(text.ReplaceLineEndings(" "));
        if (parse.GetValue(Verbose))
        {
            Console.Error.WriteLine(error);
        }

        return code;
    }
}

/// <summary>How a command ended.</summary>
/// <param name="Text">Printed after the display has closed; null: nothing.</param>
/// <param name="ExitCode">Exit code of the program.</param>
internal readonly record struct Outcome(string? Text, int ExitCode = ExitCode.Success);
