namespace FeatureTransform.Training.Data;

/// <summary>A split of the synthetic set, drawn when it is read.</summary>
internal sealed class SyntheticReader(ulong seed, bool train) : IImageReader
{
    /// <inheritdoc/>
    public IReadOnlyList<string> Classes => SyntheticPattern.Names;

    /// <inheritdoc/>
    public IReadOnlyList<int> Labels { get; } =
        [.. Enumerable.Range(0, train ? SyntheticImages.TrainCount : SyntheticImages.TestCount).Select(SyntheticImages.Label)];

    /// <inheritdoc/>
    public RgbImage Read(int index, PixelScratch? scratch = null) => train ? SyntheticImages.Train(seed, index) : SyntheticImages.Test(seed, index);
}
