using System.Reflection;
using System.Runtime.InteropServices;

namespace FeatureTransform.LibTorch;

/// <summary>Finds and loads LibTorch's native library.</summary>
internal static class LibTorchLibrary
{
    /// <summary>A folder that overrides every other place.</summary>
    public const string OverrideVariable = "FEATURETRANSFORM_LIBTORCH";

    private const string MetadataKey = "LibTorchFolder";

    private static string FileName =>
        OperatingSystem.IsWindows() ? "torch_cpu.dll" : OperatingSystem.IsMacOS() ? "libtorch_cpu.dylib" : "libtorch_cpu.so";

    /// <summary>Loads the library from the first folder that has it.</summary>
    /// <exception cref="DllNotFoundException">No folder has it, or it cannot be loaded; says what was tried.</exception>
    public static (nint Handle, string Path) Load()
    {
        var tried = new List<string>();
        foreach (string folder in Folders())
        {
            string path = Path.Combine(folder, FileName);
            if (!File.Exists(path))
            {
                tried.Add($"{path}: not there");
                continue;
            }

            try
            {
                return (NativeLibrary.Load(path), path);
            }
            catch (DllNotFoundException error)
            {
                tried.Add($"{path}: {error.Message}");
            }
        }

        throw new DllNotFoundException(
            $"LibTorch cannot be loaded. Tried {string.Join("; ", tried)}. Set {OverrideVariable} to a folder that has {FileName} " +
            "(LibTorch 2.10 or newer for the CPU).");
    }

    private static string[] Folders()
    {
        string? chosen = Environment.GetEnvironmentVariable(OverrideVariable);
        if (!string.IsNullOrEmpty(chosen))
        {
            return [chosen];
        }

        // Published applications carry the library beside them; a development tree uses the package folder.
        string? package = typeof(LibTorchLibrary).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .FirstOrDefault(a => a.Key == MetadataKey)?.Value;
        string[] folders = [AppContext.BaseDirectory, Path.Combine(AppContext.BaseDirectory, "libtorch")];
        return string.IsNullOrEmpty(package) ? folders : [.. folders, package];
    }
}
