using FeatureTransform.PtxRun;

using Stream output = Console.OpenStandardOutput();
return CommandLine.Run(args, output, Console.Error);
