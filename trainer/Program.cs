using FeatureTransform.Trainer.Commands;

return CommandLine.Run(args);
