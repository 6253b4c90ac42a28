using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using FeatureTransform.Benchmarks;
using FeatureTransform.Benchmarks.Device;
using FeatureTransform.Benchmarks.Emulator;
using FeatureTransform.Benchmarks.Host;
using FeatureTransform.Benchmarks.Plans;
using FeatureTransform.Benchmarks.Reporting;
using FeatureTransform.Benchmarks.Roofline;
using FeatureTransform.Benchmarks.Static;
using FeatureTransform.Benchmarks.TrainingStep;
using FeatureTransform.Native;

const string quick = "--short";
switch (args)
{
    case ["targets", .. string[] rest]:
        return Targets.Run(rest);
    case ["step"]:
        TrainingStepReport.Run();
        return 0;
    case ["data"]:
        return DataPathReport.Run();
    case ["static", .. string[] rest]:
        return StaticReport.Run(rest);
    case ["kernels"]:
        return ColdStart.Run();
    case ["device"]:
        return DeviceFigures.Run();
    case ["host"]:
        return HostFigures.Run();
    case ["ptx"]:
        return WritePtx.Run();
    case ["cudnn-plans", .. string[] rest]:
        return PlanReport.Run(rest);
    case ["roofline", .. string[] rest]:
        return RooflineReport.Run(rest);
    case ["emulator"]:
        return EmulatorFigures.Run();
    case ["report", string file]:
        return Report.Write(file);
    default:
        int threads = Environment.ProcessorCount;
        double peak = PeakMeter.Measure(threads);
        IReadOnlyList<string> header = Header.Lines(peak, threads);
        Console.WriteLine(string.Join('\n', header));
        IEnumerable<Summary> summaries = BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(
            [.. args.Where(argument => argument != quick)], Configurations.Create(args.Contains(quick), peak, header));
        return summaries.All(Configurations.Succeeded) ? 0 : 1;
}
