namespace FeatureTransform.LibTorch;

/// <summary>A call into LibTorch failed; the message names the call.</summary>
public sealed class LibTorchException(string message) : Exception(message);
