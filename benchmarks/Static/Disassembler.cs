using System.ComponentModel;
using System.Diagnostics;

namespace FeatureTransform.Benchmarks.Static;

/// <summary>NVIDIA's disassembler <c>nvdisasm</c>, where it is installed: in <c>$CUDA_TOOLS/bin</c> or in the path.</summary>
internal sealed class Disassembler
{
    private readonly string program;

    private Disassembler(string program, string version)
    {
        this.program = program;
        Version = version;
    }

    /// <summary>Its version, as it says it.</summary>
    public string Version { get; }

    /// <summary>Finds it; null where it is not installed.</summary>
    public static Disassembler? Find()
    {
        string name = OperatingSystem.IsWindows() ? "nvdisasm.exe" : "nvdisasm";
        string? tools = Environment.GetEnvironmentVariable("CUDA_TOOLS");
        string program = tools is not null && Path.Combine(tools, "bin", name) is var path && File.Exists(path) ? path : name;
        try
        {
            string banner = Run(program, "--version");
            return new(program, banner.Split('\n')
                .FirstOrDefault(line => line.Contains("release", StringComparison.Ordinal), banner).Trim());
        }
        catch (Win32Exception)
        {
            return null;
        }
    }

    /// <summary>The listing of a cubin.</summary>
    public string Disassemble(ReadOnlySpan<byte> cubin)
    {
        string file = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(file, cubin);
            return Run(program, "-c", file);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static string Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0
            ? output
            : throw new InvalidOperationException(
                $"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}: {output}");
    }
}
