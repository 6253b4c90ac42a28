using System.Collections.Concurrent;
using FeatureTransform.Training.Pretraining;
using Spectre.Console;

namespace FeatureTransform.Trainer.Display;

/// <summary>
/// The live display of a terminal. Calls only store what they are told; a thread of its own draws five times a second, with
/// messages above the picture.
/// </summary>
internal sealed class LiveDisplay : IDisplay
{
    /// <summary>Columns that the picture needs.</summary>
    public const int NarrowestWidth = 78;

    // The terminal echoes Ctrl-C as ^C behind the picture: were there no room, that would wrap and move what is drawn next.
    private const int EchoWidth = 4;

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);
    private readonly IAnsiConsole console;
    private readonly ProgressState state = new(TimeProvider.System);
    private readonly ConcurrentQueue<string> messages = new();
    private readonly ManualResetEventSlim end = new();
    private readonly Thread painter;

    public LiveDisplay(IAnsiConsole console)
    {
        this.console = console;
        painter = new Thread(Paint) { Name = "display", IsBackground = true };
        painter.Start();
    }

    public void Message(string text) => messages.Enqueue(text);

    public void Stage(string name, long done, long total) => state.Stage(name, done, total);

    public void Started(int stepsPerEpoch, long firstStep, long totalSteps, string description) =>
        state.Started(stepsPerEpoch, firstStep, totalSteps, description);

    public void Step(in StepReport report, double pairsPerSecond) => state.Step(report, pairsPerSecond);

    public void Epoch(EpochReport report) => state.Epoch(report);

    public void Restore() => console.Cursor.Show();

    /// <summary>Leaves the last picture of a run on the screen, and nothing of a command that had stages only.</summary>
    public void Dispose()
    {
        end.Set();
        painter.Join();
        ProgressSnapshot last = state.Read();
        if (last.Step is not null)
        {
            console.Write(Picture(last));
        }

        end.Dispose();
    }

    private Grid Picture(ProgressSnapshot now)
    {
        int width = console.Profile.Width - EchoWidth;
        return new Grid { Width = width }
            .AddColumn(new GridColumn().Padding(0, 0))
            .AddRow(LiveView.Render(now, width, console.Profile.Capabilities.Unicode));
    }

    private void Paint() => console.Live(Text.Empty).AutoClear(true).Start(context =>
    {
        bool last;
        do
        {
            last = end.Wait(Interval);
            while (messages.TryDequeue(out string? message))
            {
                // As wide as the terminal, so that nothing of the picture that it overwrites stays.
                console.Write(new Align(new Text(message), HorizontalAlignment.Left) { Width = console.Profile.Width });
            }

            context.UpdateTarget(Picture(state.Read()));
        }
        while (!last);
    });
}
