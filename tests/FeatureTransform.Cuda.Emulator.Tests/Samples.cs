using System.Diagnostics;

namespace FeatureTransform.Cuda.Emulator.Tests;

/// <summary>The shared PTX texts of three NVRTC versions, unpacked once; absent outside a full checkout.</summary>
internal static class Samples
{
    private static readonly Lazy<string?> Folder = new(Unpack);

    public static IReadOnlyList<string> Files
    {
        get
        {
            Assert.SkipWhen(Folder.Value is null, "ptx-samples.tar.xz of the shared folder is absent (FT_SHARED)");
            return [.. Directory.GetFiles(Folder.Value!, "*.ptx", SearchOption.AllDirectories).Order(StringComparer.Ordinal)];
        }
    }

    private static string? Unpack()
    {
        string? archive = Candidates().Select(d => Path.Combine(d, "cuda", "ptx-samples.tar.xz")).FirstOrDefault(File.Exists);
        if (archive is null)
        {
            return null;
        }
        string target = Directory.CreateTempSubdirectory("ptx-samples").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(target, recursive: true);
        using var tar = Process.Start("tar", ["xJf", archive, "-C", target]);
        tar.WaitForExit();
        return tar.ExitCode == 0 ? target : null;
    }

    private static IEnumerable<string> Candidates()
    {
        if (Environment.GetEnvironmentVariable("FT_SHARED") is { Length: > 0 } shared)
        {
            yield return shared;
        }
        for (DirectoryInfo? d = new(AppContext.BaseDirectory); d is not null; d = d.Parent)
        {
            yield return Path.Combine(d.FullName, "shared");
        }
    }
}
