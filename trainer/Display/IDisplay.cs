using FeatureTransform.Training.Pretraining;
using Spectre.Console;

namespace FeatureTransform.Trainer.Display;

/// <summary>Shows the progress of a command. Every member may be called from any thread and returns at once.</summary>
internal interface IDisplay : IPretrainProgress, IDisposable
{
    /// <summary>Leaves the terminal as it was found, for an end without <see cref="IDisposable.Dispose"/>.</summary>
    void Restore();
}

/// <summary>Chooses the display.</summary>
internal static class Displays
{
    /// <summary>Nothing where quiet, lines where output is redirected or the terminal cannot redraw or is narrow, else the live display.</summary>
    public static IDisplay Create(bool quiet)
    {
        if (quiet)
        {
            return new QuietDisplay(Console.Error);
        }

        Profile terminal = AnsiConsole.Profile;
        return !Console.IsOutputRedirected && terminal.Capabilities.Ansi && terminal.Width >= LiveDisplay.NarrowestWidth
            ? new LiveDisplay(AnsiConsole.Console)
            : new PlainDisplay(Console.Out);
    }
}
