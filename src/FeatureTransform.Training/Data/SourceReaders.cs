namespace FeatureTransform.Training.Data;

/// <summary>What a source holds before anything is decoded.</summary>
/// <param name="Name">Name of the source for the person.</param>
/// <param name="Train">Images to train on, with labels where the source has any.</param>
/// <param name="Test">Images to test on, with the classes of <paramref name="Train"/>, or null.</param>
/// <param name="Unlabeled">More images to pretrain on, without labels, or null.</param>
internal sealed record SourceReaders(string Name, IImageReader Train, IImageReader? Test, IImageReader? Unlabeled = null);
