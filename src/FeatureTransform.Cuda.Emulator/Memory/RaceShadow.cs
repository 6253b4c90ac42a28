namespace FeatureTransform.Cuda.Emulator.Memory;

/// <summary>Who last wrote and read each byte of a region; filled by the race check.</summary>
internal sealed class RaceShadow
{
}
