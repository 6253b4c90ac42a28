using System.Diagnostics;

namespace FeatureTransform.Cuda.Tests.Real;

/// <summary>
/// cuDNN out of an archive that may lie beside the repository: the graphs, and the engines that are compiled at run time. It makes
/// plans without a device. NVRTC and a driver library must be where the loader finds them.
/// </summary>
internal static class CuDnnArchive
{
    private const string Unset = "FEATURETRANSFORM_TESTS_UNSET";

    /// <summary>Loads it; unpacks it once into a folder.</summary>
    /// <exception cref="IOException">It is not there, or cannot be unpacked.</exception>
    /// <exception cref="CudaException">It cannot be loaded.</exception>
    public static ISymbolSource Load(string archive, string into)
    {
        string folder = Unpacked(archive, into);
        foreach (string part in (string[])["libcudnn_engines_runtime_compiled.so.9", "libcudnn_graph.so.9"])
        {
            _ = new NativeLibrarySource(part, Unset, Path.Combine(folder, "lib", part)); // which the first asks for by name
        }
        return new NativeLibrarySource("cuDNN", Unset, Path.Combine(folder, "lib", "libcudnn.so.9"));
    }

    private static string Unpacked(string archive, string into)
    {
        if (!OperatingSystem.IsLinux() || !File.Exists(archive))
        {
            throw new FileNotFoundException($"{archive} is not here.");
        }
        string folder = Path.Combine(into, Path.GetFileName(archive) + ".unpacked");
        if (!Directory.Exists(folder))
        {
            DirectoryInfo partial = Directory.CreateDirectory(folder + "." + Environment.ProcessId);
            using (var tar = Process.Start("tar", ["-xJf", archive, "-C", partial.FullName]))
            {
                tar.WaitForExit();
                if (tar.ExitCode != 0)
                {
                    throw new IOException($"tar cannot unpack {archive}.");
                }
            }
            try
            {
                partial.MoveTo(folder);
            }
            catch (IOException) when (Directory.Exists(folder)) // another process was faster
            {
                partial.Delete(recursive: true);
            }
        }
        return folder;
    }
}
