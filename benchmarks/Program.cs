using BenchmarkDotNet.Running;

if (args is ["step", ..]) { FeatureTransform.Benchmarks.StepTiming.Run(args); return; }

BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
