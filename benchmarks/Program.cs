using BenchmarkDotNet.Running;
using FeatureTransform.Benchmarks;

if (args is ["targets", .. string[] rest])
{
    return Targets.Run(rest);
}

BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
return 0;
