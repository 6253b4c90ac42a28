using System.Runtime.InteropServices;
using FeatureTransform.Trainer.Display;

namespace FeatureTransform.Trainer.Commands;

/// <summary>
/// Ctrl-C and SIGTERM: the first asks the command to stop, so that it can save what it has; the second ends the process at
/// once.
/// </summary>
internal sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource source = new();
    private readonly IDisplay display;
    private readonly PosixSignalRegistration interrupt, terminate;
    private int received;

    public StopSignals(IDisplay display)
    {
        this.display = display;
        interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle);
        terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Handle);
    }

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => source.Token;

    public void Dispose()
    {
        interrupt.Dispose();
        terminate.Dispose();
        source.Dispose();
    }

    private void Handle(PosixSignalContext context)
    {
        if (Interlocked.Increment(ref received) > 1)
        {
            display.Restore();
            return;
        }

        context.Cancel = true;
        display.Message("Stopping at the end of this step; Ctrl-C again ends at once.");
        source.Cancel();
    }
}
