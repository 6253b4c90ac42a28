namespace FeatureTransform.Training.Data;

/// <summary>A decoded image.</summary>
/// <param name="Pixels">H x W x 3, 8 bits a channel, RGB.</param>
/// <param name="Width">W in pixels.</param>
/// <param name="Height">H in pixels.</param>
/// <param name="Label">Index of its class; -1 where the set has no classes.</param>
internal readonly record struct RgbImage(ReadOnlyMemory<byte> Pixels, int Width, int Height, int Label);
