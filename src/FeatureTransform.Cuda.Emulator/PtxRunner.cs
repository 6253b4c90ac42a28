using FeatureTransform.Cuda.Emulator.Decoding;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Memory;

namespace FeatureTransform.Cuda.Emulator;

/// <summary>
/// A software GPU without a driver around it: memory, modules and launches, each done when the call returns. Addresses are those
/// that kernels see.
/// </summary>
public sealed unsafe class PtxRunner : IDisposable
{
    private readonly EmulatedMemory memory = new();
    private readonly List<PtxRunnerModule> modules = [];

    /// <summary>Makes a device.</summary>
    public PtxRunner(EmulatorOptions? options = null) => Options = options ?? new EmulatorOptions();

    /// <summary>How it executes.</summary>
    public EmulatorOptions Options { get; set; }

    /// <summary>Gets what kernels print.</summary>
    public Action<string>? Output { get; set; }

    internal EmulatedMemory Memory => memory;

    /// <summary>Allocates bytes that count as never written.</summary>
    public ulong Allocate(long bytes, string name = "buffer")
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        return memory.Allocate((ulong)bytes, name).Address;
    }

    /// <summary>Allocates and fills.</summary>
    public ulong Allocate<T>(ReadOnlySpan<T> content, string name = "buffer")
        where T : unmanaged
    {
        ulong address = Allocate((long)content.Length * sizeof(T), name);
        Write(address, content);
        return address;
    }

    /// <summary>Frees an allocation; later accesses are reported.</summary>
    public void Free(ulong address) => memory.Free(Region(address, 0));

    /// <summary>Copies to the device.</summary>
    public void Write<T>(ulong address, ReadOnlySpan<T> content)
        where T : unmanaged
    {
        ulong bytes = (ulong)content.Length * (ulong)sizeof(T);
        Region region = Region(address, bytes);
        content.CopyTo(new Span<T>(region.Data + (address - region.Address), content.Length));
        region.MarkWritten(address - region.Address, bytes);
    }

    /// <summary>Copies from the device; bytes never written come as 0xFF.</summary>
    public T[] Read<T>(ulong address, int count)
        where T : unmanaged
    {
        Region region = Region(address, (ulong)count * (ulong)sizeof(T));
        return new Span<T>(region.Data + (address - region.Address), count).ToArray();
    }

    /// <summary>Loads a PTX text; throws <see cref="PtxException"/> with the line of what is not known.</summary>
    public PtxRunnerModule Load(string ptx)
    {
        var module = new PtxRunnerModule(DecodedModule.Load(ptx, memory, Options.Device));
        modules.Add(module);
        return module;
    }

    /// <summary>Runs a kernel to its end. The parameters are the bytes of its parameter list, in its layout.</summary>
    public LaunchReport Launch(PtxRunnerModule module, string kernel, Dim3 grid, Dim3 block, ReadOnlySpan<byte> parameters,
        int dynamicSharedBytes = 0, Dim3? cluster = null)
    {
        ArgumentNullException.ThrowIfNull(module);
        DecodedFunction function = module.Decoded.Kernel(kernel);
        LaunchLimits.Check(Options.Device, function, grid, block, cluster ?? new Dim3(1), parameters.Length, dynamicSharedBytes);
        using var region = new Region("kernel parameters", 0, (ulong)function.KernelParamBytes);
        parameters.CopyTo(new Span<byte>(region.Data, parameters.Length));
        region.MarkWritten(0, region.Size);
        region.IsReadOnly = true;
        var context = new LaunchContext(module.Decoded, function, memory, Options)
        {
            Grid = grid, Block = block, Cluster = cluster ?? new Dim3(1), DynamicShared = (uint)dynamicSharedBytes, Parameters = region, Output = Output,
        };
        OperationCounts[] counts = new Scheduler(context).Run();
        return new LaunchReport(context, counts);
    }

    /// <summary>The same with one struct as the only parameter.</summary>
    public LaunchReport Launch<TArgs>(PtxRunnerModule module, string kernel, Dim3 grid, Dim3 block, in TArgs args, int dynamicSharedBytes = 0, Dim3? cluster = null)
        where TArgs : unmanaged
    {
        fixed (TArgs* pointer = &args)
        {
            return Launch(module, kernel, grid, block, new ReadOnlySpan<byte>(pointer, sizeof(TArgs)), dynamicSharedBytes, cluster);
        }
    }

    private Region Region(ulong address, ulong bytes)
    {
        Region? region = memory.Find(address);
        return region is not null && address - region.Address + bytes <= region.Size
            ? region
            : throw new ArgumentOutOfRangeException(nameof(address), $"{bytes} bytes at 0x{address:x}: {memory.Describe(address, (int)Math.Min(bytes, int.MaxValue))}");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        modules.ForEach(m => m.Dispose());
        memory.Dispose();
    }
}

/// <summary>A loaded PTX module.</summary>
public sealed class PtxRunnerModule : IDisposable
{
    internal PtxRunnerModule(DecodedModule decoded) => Decoded = decoded;

    internal DecodedModule Decoded { get; }

    /// <summary>The names of its kernels.</summary>
    public IReadOnlyList<string> Kernels => [.. Decoded.Functions.Where(f => f.Source.IsEntry).Select(f => f.Name)];

    /// <summary>The address of a variable of the module, or 0.</summary>
    public ulong AddressOf(string variable) => Decoded.Global(variable)?.Address ?? 0;

    /// <summary>What a kernel takes, in order. Throws <see cref="PtxException"/> where there is no such kernel.</summary>
    public IReadOnlyList<PtxParameter> Parameters(string kernel) =>
        [.. Decoded.Kernel(kernel).Source.Parameters.Select(p => new PtxParameter(p.Name, p.Offset, (int)p.Size))];

    /// <inheritdoc/>
    public void Dispose() => Decoded.Dispose();
}

/// <summary>A parameter of a kernel.</summary>
/// <param name="Name">Its name in the PTX.</param>
/// <param name="Offset">Where it stands in the parameter list, in bytes.</param>
/// <param name="Bytes">Its size.</param>
public readonly record struct PtxParameter(string Name, int Offset, int Bytes);

/// <summary>What became of a launch.</summary>
public sealed class LaunchReport
{
    internal LaunchReport(LaunchContext context, OperationCounts[] counts)
    {
        Findings = [.. context.Findings.OrderBy(f => f.PtxLine).ThenBy(f => f.Kind, StringComparer.Ordinal)];
        Failure = context.Failure;
        if (context.Options.Counters)
        {
            (Counters, LineCounters) = KernelCounters.From(context.Module, counts);
        }
    }

    /// <summary>Defects, once for each line and kind.</summary>
    public IReadOnlyList<Finding> Findings { get; }

    /// <summary>Why the launch failed, or null.</summary>
    public string? Error => Failure?.Message;

    /// <summary>No defect and no failure.</summary>
    public bool IsClean => Findings.Count == 0 && Failure is null;

    internal KernelFault? Failure { get; }

    /// <summary>What the launch executed in all, where <see cref="EmulatorOptions.Counters"/> asked for it; else null.</summary>
    public KernelCounters? Counters { get; }

    /// <summary>The same line by line.</summary>
    public IReadOnlyList<KernelCounters> LineCounters { get; } = [];

    /// <summary>Throws with everything that was found.</summary>
    public void ThrowIfUnclean()
    {
        if (!IsClean)
        {
            throw new InvalidOperationException(string.Join("\n", Findings.Select(f => f.ToString()).Prepend(Error ?? "the launch ended")));
        }
    }
}
