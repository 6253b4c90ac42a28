namespace FeatureTransform.Training.Tests;

/// <summary>Files of the repository that tests compare with, and write anew where FT_WRITE is 1.</summary>
internal static class RepositoryFiles
{
    /// <summary>Whether files are written anew.</summary>
    public static bool Writes => Environment.GetEnvironmentVariable("FT_WRITE") == "1";

    /// <summary>The path of a file by its path from the root.</summary>
    public static string Find(params string[] path)
    {
        DirectoryInfo? root = new(AppContext.BaseDirectory);
        while (root is not null && root.GetFiles("*.sln").Length == 0)
        {
            root = root.Parent;
        }

        return Path.Combine([root?.FullName ?? throw new DirectoryNotFoundException("the repository"), .. path]);
    }
}
