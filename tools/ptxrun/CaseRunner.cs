using System.Text.Json;
using FeatureTransform.Cuda;
using FeatureTransform.Cuda.Emulator;

namespace FeatureTransform.PtxRun;

/// <summary>Runs cases, each on a device of its own, so that none sees another.</summary>
/// <param name="folder">What paths in a case are relative to.</param>
/// <param name="options">How a case is executed.</param>
/// <param name="printed">Gets what kernels print.</param>
internal sealed class CaseRunner(string folder, EmulatorOptions options, Action<string> printed)
{
    private readonly SourceCompiler compiler = new(options.Device);

    /// <summary>Reads and runs a case; whatever goes wrong is its result.</summary>
    public CaseResult Run(JsonElement json)
    {
        try
        {
            return Run(new CaseReader(folder).Read(json));
        }
        catch (Exception error) when (error is BadInputException or IOException or UnauthorizedAccessException)
        {
            return CaseResult.Failed(ExitCode.BadInput, error.Message);
        }
        catch (PtxException refusal)
        {
            return CaseResult.Failed(ExitCode.Refused, $"PTX refused: {refusal.Message}");
        }
        catch (OutOfMemoryException)
        {
            return CaseResult.Failed(ExitCode.BadInput, "this computer has not enough memory for the buffers");
        }
#pragma warning disable CA1031 // A defect of the emulator in one case must not take the others with it.
        catch (Exception error)
#pragma warning restore CA1031
        {
            return CaseResult.Failed(ExitCode.Unexpected, $"unexpected {error.GetType().Name}: {error.Message}");
        }
    }

    private CaseResult Run(Case given)
    {
        string ptx = given.Ptx is { } file ? File.ReadAllText(file) : compiler.Compile(given.Source!);
        using var device = new PtxRunner(options) { Output = printed };
        PtxRunnerModule module = device.Load(ptx);
        if (!module.Kernels.Contains(given.Kernel))
        {
            throw new BadInputException(
                $"there is no kernel \"{given.Kernel}\"; the PTX has {string.Join(", ", module.Kernels)}");
        }
        IReadOnlyList<PtxParameter> parameters = module.Parameters(given.Kernel);
        ulong[] addresses = [.. given.Arguments.Select(argument => Allocate(device, argument))];
        byte[] bytes = ParameterBlock.Lay(given.Kernel, parameters, given.Arguments, addresses);
        LaunchReport report;
        try
        {
            report = device.Launch(module, given.Kernel, given.Grid, given.Block, bytes, given.DynamicSharedBytes, given.Cluster);
        }
        catch (ArgumentException limit)
        {
            throw new BadInputException(limit.Message);
        }
        return new CaseResult
        {
            ExitCode = report.Error is not null ? ExitCode.Fault : report.Findings.Count > 0 ? ExitCode.Findings : ExitCode.Clean,
            Error = report.Error is { } fault ? $"the launch failed: {fault}" : null,
            Buffers = [.. Buffers(device, given.Arguments, addresses)],
            Findings = [.. report.Findings.Select(finding => finding with { File = NameOf(given, finding.File) })],
            Counters = report.Counters,
            LineCounters = [.. report.LineCounters.Select(line => line with { File = NameOf(given, line.File) })],
        };
    }

    // The name of a source file as the author of the case knows it.
    private static string? NameOf(Case given, string? file) => given.Source is null ? file : SourceCompiler.NameOf(file);

    private static ulong Allocate(PtxRunner device, CaseArgument argument) => argument switch
    {
        BufferArgument { Content: { } content } buffer => device.Allocate<byte>(content, buffer.Name),
        BufferArgument buffer => device.Allocate(buffer.Bytes, buffer.Name),
        _ => 0,
    };

    // What the case made room for, and of its inputs those that the kernel changed.
    private static IEnumerable<(string Name, byte[] Content)> Buffers(
        PtxRunner device, IReadOnlyList<CaseArgument> arguments, ulong[] addresses)
    {
        var names = new HashSet<string>();
        for (int i = 0; i < arguments.Count; i++)
        {
            if (arguments[i] is BufferArgument buffer)
            {
                string name = names.Add(buffer.Name) ? buffer.Name : $"{buffer.Name}@{i}";
                byte[] content = device.Read<byte>(addresses[i], buffer.Bytes);
                if (buffer.IsOutput || !content.AsSpan().SequenceEqual(buffer.Content))
                {
                    yield return (name, content);
                }
            }
        }
    }
}
