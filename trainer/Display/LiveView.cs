using FeatureTransform.Training.Pretraining;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace FeatureTransform.Trainer.Display;

/// <summary>One picture of the live display.</summary>
internal static class LiveView
{
    private const int WidestBar = 60, NarrowestBar = 8;

    // Fixed, so that a value that grows by a digit moves nothing: a loss or rate, a score, a percentage.
    private static readonly int[] ValueWidths = [8, 6, 7];

    private static readonly Style Label = new(Color.Grey), Value = new(decoration: Decoration.Bold), Bar = new(Color.Green);

    /// <param name="now">What to show.</param>
    /// <param name="width">Columns to use.</param>
    /// <param name="unicode">Whether the terminal shows more than ASCII.</param>
    public static Rows Render(ProgressSnapshot now, int width, bool unicode)
    {
        if (now.Step is not { } step)
        {
            return new Rows(Lines(now, width, unicode));
        }

        var values = new Grid { Expand = false };
        for (int i = 0; i < ValueWidths.Length; i++)
        {
            int gap = i < ValueWidths.Length - 1 ? 3 : 0;
            values.AddColumn(new GridColumn().NoWrap().PadLeft(0).PadRight(2));
            values.AddColumn(new GridColumn { Width = ValueWidths[i] }.NoWrap().RightAligned().PadLeft(0).PadRight(gap));
        }

        values.AddRow(
            [.. Cell("loss", Format.Fixed(step.Loss, 4)), .. Cell("positive score", Format.Fixed(step.PositiveScore, 3)),
            .. Cell("contrast top-1", Format.Percent(step.Top1))]);
        values.AddRow(
            [.. Cell("learning rate", Format.Rate(step.LearningRate)), .. Cell("negative score", Format.Fixed(step.NegativeScore, 3)),
            .. Cell("contrast top-5", Format.Percent(step.Top5))]);
        return new Rows([.. Lines(now, width, unicode), values, Accuracies(now, width)]);
    }

    private static IEnumerable<IRenderable> Lines(ProgressSnapshot now, int width, bool unicode)
    {
        if (now.Description.Length > 0)
        {
            yield return new Text(now.Description, Label);
        }

        if (now.Step is { } step)
        {
            yield return Progress(
                $"epoch {step.Epoch + 1}/{now.Epochs}", (double)now.Done / now.Total,
                $"step {Format.Count(now.Done)} of {Format.Count(now.Total)}", width, unicode);
        }

        yield return now.Stage.Length > 0
            ? Progress(
                now.Stage, now.StageTotal > 0 ? (double)now.StageDone / now.StageTotal : 0,
                $"{Format.Count(now.StageDone)} of {Format.Count(now.StageTotal)}", width, unicode)
            : new Text(Pace(now), Label);
    }

    private static string Pace(ProgressSnapshot now)
    {
        if (now.Step is not { } step)
        {
            return now.Description.Length > 0 ? "first step ..." : "starting ...";
        }

        string left = now.SecondsLeft is { } seconds ? $", {Format.Duration(seconds)} left" : "";
        return $"{Format.Count(now.PairsPerSecond)} pairs/s{left}, feature transformation {(step.Transformed ? "on" : "off")}";
    }

    private static Paragraph Progress(string name, double share, string count, int width, bool unicode)
    {
        share = Math.Clamp(share, 0, 1);
        string percent = $"{Format.Fixed(100 * share, 0),3} %";

        int room = width - name.Length - percent.Length - count.Length - 6;
        int length = Math.Clamp(room, NarrowestBar, WidestBar), full = (int)Math.Round(share * length);
        (char done, char open) = unicode ? ('━', '─') : ('#', '-');
        return new Paragraph()
            .Append($"{name}  ", Value)
            .Append(new string(done, full), Bar)
            .Append(new string(open, length - full), Label)
            .Append($"  {percent}  ", Value)
            .Append(count, Label);
    }

    /// <summary>The last k-NN accuracies that fit into one line.</summary>
    private static Paragraph Accuracies(ProgressSnapshot now, int width)
    {
        const string name = "k-NN top-1";
        var line = new Paragraph().Append(name, Label);
        if (now.Knn.Count == 0)
        {
            return line.Append("  not measured yet", Label);
        }

        int room = width - name.Length;
        var shown = new Stack<(string Epoch, string Accuracy)>();
        foreach ((int epoch, float top1) in now.Knn.Reverse())
        {
            (string Epoch, string Accuracy) part = ($"  epoch {epoch + 1} ", $"{Format.Fixed(top1, 1)} %");
            room -= part.Epoch.Length + part.Accuracy.Length;
            if (room < 0)
            {
                break;
            }

            shown.Push(part);
        }

        foreach ((string epoch, string accuracy) in shown)
        {
            line.Append(epoch, Label).Append(accuracy, Value);
        }

        return line;
    }

    private static Text[] Cell(string name, string value) => [new(name, Label), new(value, Value)];
}
