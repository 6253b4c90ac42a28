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

    /// <summary>
    /// The instructions of kernels of one architecture, all by one process: to start it takes longer than most kernels do.
    /// </summary>
    /// <param name="architecture">Such as sm_80.</param>
    /// <param name="kernels">Their machine code.</param>
    public List<SassInstruction[]> Disassemble(string architecture, IReadOnlyList<ReadOnlyMemory<byte>> kernels)
    {
        string file = Path.GetTempFileName();
        try
        {
            using (FileStream code = File.Create(file))
            {
                foreach (ReadOnlyMemory<byte> kernel in kernels)
                {
                    code.Write(kernel.Span);
                }
            }

            string name = architecture.Replace("_", "", StringComparison.Ordinal).ToUpperInvariant();
            SassInstruction[] all = SassInstruction.Parse(Run(program, "--no-dataflow", "--binary", name, file));
            var listings = new List<SassInstruction[]>();
            int first = 0;
            foreach (ReadOnlyMemory<byte> kernel in kernels)
            {
                int start = first, end = first += kernel.Length / SassInstruction.Bytes;
                listings.Add([.. all[start..end].Select(instruction => instruction with
                {
                    Target = instruction.Target >= start && instruction.Target < end ? instruction.Target - start : -1,
                })]);
            }

            return listings;
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
