using System.Diagnostics;
using System.Runtime.InteropServices;
using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

/// <summary>A C++ file of this folder, with the kernels' headers, compiled by g++ and loaded; skips the test where there is none.</summary>
internal sealed class HostLibrary : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("ft-host-").FullName;
    private readonly nint handle;

    public HostLibrary(string source)
    {
        foreach ((string name, string text) in KernelFiles.Texts)
        {
            string path = Path.Combine(folder, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, text);
        }

        string library = Path.Combine(folder, "host.so");
        (int code, string errors) = Run(
            "g++", "-std=c++17", "-O2", "-Wall", "-Wno-unknown-pragmas", "-ffp-contract=off", "-shared", "-fPIC", "-I" + folder,
            "-o", library, Path.Combine(AppContext.BaseDirectory, "Cuda", source));
        Assert.SkipWhen(code == -1, $"no g++ here to compile the kernels' headers for the host: {errors}");
        Assert.True(code == 0, errors);
        handle = NativeLibrary.Load(library);
    }

    public nint Function(string name) => NativeLibrary.GetExport(handle, name);

    public void Dispose()
    {
        if (handle != 0)
        {
            NativeLibrary.Free(handle);
        }

        Directory.Delete(folder, recursive: true);
    }

    private static (int Code, string Errors) Run(string program, params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            string errors = process.StandardError.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, errors);
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            return (-1, error.Message);
        }
    }
}
