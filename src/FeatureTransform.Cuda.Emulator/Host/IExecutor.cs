using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Memory;

namespace FeatureTransform.Cuda.Emulator.Host;

/// <summary>Executes PTX: the other side of the driver.</summary>
internal interface IExecutor
{
    /// <summary>What each kernel executed so far, where that is counted.</summary>
    IReadOnlyDictionary<string, KernelCounters> Counters => new Dictionary<string, KernelCounters>();

    /// <summary>Reads a text and puts its variables into the memory of a context.</summary>
    /// <exception cref="PtxException">The text is refused.</exception>
    IExecutableModule Load(string text, EmulatedMemory memory);
}

/// <summary>A loaded PTX text; disposing of it frees its variables.</summary>
internal interface IExecutableModule : IDisposable
{
    /// <summary>The architecture that the text is for, such as sm_90a.</summary>
    string Target { get; }

    /// <summary>A kernel by its name; null if there is none.</summary>
    KernelSignature? FindKernel(string name);

    /// <summary>A variable of the module by its name; null if there is none.</summary>
    Region? FindVariable(string name);

    /// <summary>Runs all blocks of a launch.</summary>
    /// <exception cref="Execution.KernelFault">The kernel did what ends a launch.</exception>
    /// <param name="launch">The kernel and its size.</param>
    /// <param name="report">Gets what is found.</param>
    /// <param name="output">Gets what the kernel prints.</param>
    void Run(KernelLaunch launch, Action<Finding> report, Action<string>? output);
}

/// <summary>A launch that was found in order.</summary>
internal sealed record KernelLaunch(
    KernelSignature Kernel, Dim3 Grid, Dim3 Block, Dim3 Cluster, uint DynamicSharedBytes, byte[] Parameters, bool IsCooperative);
