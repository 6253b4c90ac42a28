using BenchmarkDotNet.Running;
using FeatureTransform.Benchmarks.TrainingStep;

if (args is ["step"])
{
    TrainingStepReport.Run();
    return;
}

BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
