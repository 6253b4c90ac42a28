using Xunit;

namespace FeatureTransform.Cuda.Tests;

/// <summary>The folder of facts about CUDA that may lie beside the repository.</summary>
internal static class SharedFiles
{
    /// <summary>A folder in it; skips the test where there is none.</summary>
    public static string Folder(params string[] path)
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (root is not null && root.GetFiles("*.sln").Length == 0)
        {
            root = root.Parent;
        }
        string folder = Path.Combine([root?.Parent?.FullName ?? "/", "shared", .. path]);
        Assert.SkipUnless(Directory.Exists(folder), $"{folder} is not here.");
        return folder;
    }
}
