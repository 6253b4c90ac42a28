using System.CommandLine;
using FeatureTransform.Training.Evaluation;
using FeatureTransform.Training.Options;
using FeatureTransform.Training.Runs;

namespace FeatureTransform.Trainer.Commands;

/// <summary>What <c>knn</c> and <c>linear</c> share: the encoder, the images, the machine.</summary>
internal sealed class EvaluationOptions
{
    private readonly OptionTable<DataOptions> data = PretrainOptionTable.DataTable();
    private readonly OptionTable<RunOptions> run = new(new RunOptions());

    public EvaluationOptions(bool knn)
    {
        PretrainOptionTable.AddMachine(run);
        if (knn)
        {
            PretrainOptionTable.AddKnn(run);
        }
    }

    public Argument<string> Source { get; } = new("source")
    {
        Description = "A run folder, a checkpoint of ours, or a safetensors file with torchvision's names.",
    };

    public void AddTo(Command command)
    {
        command.Arguments.Add(Source);
        data.AddTo(command);
        run.AddTo(command);
    }

    /// <summary>Options of a run folder are the base of what is given; for other sources the defaults are.</summary>
    public EvaluationRequest Request(ParseResult parse)
    {
        string source = parse.GetRequiredValue(Source);
        string config = Path.Combine(source, RunConfig.FileName);
        PretrainOptions from = File.Exists(config)
            ? RunConfig.Read(config)
            : new PretrainOptions().WithSource(data.Apply(parse, new()).Source);
        DataOptions? images = data.AnyGiven(parse) ? data.Apply(parse, from.Data) : null;
        RunOptions options = run.Apply(parse, from.Run);
        OptionsValidator.Validate(images ?? from.Data);
        OptionsValidator.Validate(options);
        return new EvaluationRequest(source, images, options) { ReportKernels = parse.GetValue(Execution.Verbose) };
    }
}
