using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Host;

/// <summary>A parameter of a kernel, in bytes.</summary>
internal readonly record struct KernelParameter(string Name, int Offset, int Size);

/// <summary>What the host can ask about a kernel.</summary>
internal sealed record KernelSignature
{
    public required string Name { get; init; }

    public required IReadOnlyList<KernelParameter> Parameters { get; init; }

    /// <summary>Bytes of shared memory that the kernel and what it calls declare.</summary>
    public int StaticSharedBytes { get; init; }

    public int ConstantBytes { get; init; }

    public int LocalBytes { get; init; }

    /// <summary>Registers of a thread, 0 where unknown: PTX has any number, ptxas decides.</summary>
    public int Registers { get; init; }

    /// <summary>Threads of a block by .maxntid or .reqntid; null where unstated.</summary>
    public Dim3? MaxThreads { get; init; }

    /// <summary>Whether a block must be exactly that.</summary>
    public bool RequiresThreads { get; init; }

    /// <summary>Blocks of a cluster by .reqnctapercluster; null where unstated.</summary>
    public Dim3? RequiredCluster { get; init; }

    /// <summary>What the text says of a kernel; how much memory it takes is known once it is laid out.</summary>
    public static KernelSignature Of(PtxFunction function)
    {
        var parameters = new List<KernelParameter>();
        int end = 0;
        foreach (PtxVariable parameter in function.Parameters)
        {
            int offset = (end + parameter.Align - 1) / parameter.Align * parameter.Align;
            parameters.Add(new KernelParameter(parameter.Name, offset, (int)parameter.Size));
            end = offset + (int)parameter.Size;
        }
        return new KernelSignature
        {
            Name = function.Name,
            Parameters = parameters,
            MaxThreads = Stated(function.MaxThreads),
            RequiresThreads = function.RequiresThreads,
            RequiredCluster = Stated(function.RequiredCluster),
        };
    }

    public int ParameterBytes => Parameters.Count == 0 ? 0 : Parameters[^1].Offset + Parameters[^1].Size;

    private static Dim3? Stated((int X, int Y, int Z) size) =>
        size == default ? null : new Dim3((uint)size.X, (uint)size.Y, (uint)size.Z);
}
