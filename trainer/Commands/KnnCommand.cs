using System.CommandLine;
using FeatureTransform.Training;
using FeatureTransform.Training.Evaluation;

namespace FeatureTransform.Trainer.Commands;

/// <summary><c>knn</c>: accuracy of the weighted vote of nearest neighbours.</summary>
internal sealed class KnnCommand
{
    private readonly EvaluationOptions options = new(knn: true);

    public KnnCommand()
    {
        Command = new Command("knn", "Score a frozen encoder by weighted k-NN.");
        options.AddTo(Command);
        Command.SetAction(parse => Execution.Run(parse, () => Request(parse), (request, display, stop) =>
        {
            KnnResult result = Evaluator.Knn(request, display, stop);
            return new(FormattableString.Invariant(
                $"k-NN top-1 {result.Top1:F2} %, top-5 {result.Top5:F2} % ({result.Classes} classes, k {request.Run.KnnNeighbors}, T {request.Run.KnnTemperature}, bank {result.Bank}, test {result.Test})"));
        }));
    }

    public Command Command { get; }

    public EvaluationRequest Request(ParseResult parse)
    {
        EvaluationRequest request = options.Request(parse);
        return request.Run.KnnNeighbors > 0
            ? request
            : throw new InvalidInputException("--knn-k 0: expected a whole number of neighbours, 1 or above.");
    }
}
