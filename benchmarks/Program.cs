using BenchmarkDotNet.Running;
using FeatureTransform.Benchmarks;
using FeatureTransform.Benchmarks.TrainingStep;

switch (args)
{
    case ["targets", .. string[] rest]:
        return Targets.Run(rest);
    case ["step"]:
        TrainingStepReport.Run();
        return 0;
    default:
        BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
        return 0;
}
