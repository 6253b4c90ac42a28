namespace FeatureTransform.Cuda.Tests;

/// <summary>An empty folder that is removed in the end.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("ft-kernels-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
