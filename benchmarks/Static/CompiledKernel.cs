using FeatureTransform.Cuda;

namespace FeatureTransform.Benchmarks.Static;

/// <summary>A kernel of the set as it is launched.</summary>
/// <param name="Variant">What it is compiled from.</param>
/// <param name="Name">What the report calls it.</param>
/// <param name="Threads">Threads of a block.</param>
/// <param name="DynamicShared">Shared memory that its launcher asks for, in bytes.</param>
/// <param name="Infonce">Its shape, where it is a tensor core kernel of infonce.</param>
internal sealed record StaticKernel(KernelVariant Variant, string Name, int Threads, int DynamicShared, InfonceShape? Infonce);

/// <summary>A kernel compiled for one architecture; the loop is null where it was not disassembled.</summary>
internal sealed record CompiledKernel(
    StaticKernel Kernel, string Architecture, KernelFigures Assembler, int Warnings, MainLoop? Loop)
{
    /// <summary>Shared memory of a block, static and dynamic.</summary>
    public int SharedBytes => Assembler.SharedBytes + Kernel.DynamicShared;

    /// <summary>
    /// Blocks on a multiprocessor at once; 0 where a block does not fit, null where the architecture's limits are not known.
    /// </summary>
    public int? ResidentBlocks => Limits?.ResidentBlocks(Kernel.Threads, Assembler.Registers, SharedBytes);

    /// <summary>Percent of the architecture's threads that are resident.</summary>
    public double? Occupancy => 100.0 * ResidentBlocks * Kernel.Threads / Limits?.Threads;

    /// <summary>What the main loop says, for a tensor core kernel of infonce.</summary>
    public LoopFigures? Infonce => Loop is { } loop && Kernel.Infonce is { } shape ? new(loop, shape) : null;

    private Architecture? Limits => Static.Architecture.Find(Architecture);

    /// <summary>
    /// The model's time for a pass with one block a multiprocessor, as it is launched; null where it cannot be told or a block
    /// does not fit.
    /// </summary>
    public double? PassMicroseconds(ModelDevice device, long n) =>
        device.Architecture == Architecture && ResidentBlocks > 0 && Infonce is { } loop && Kernel.Infonce is { } shape
            ? PassModel.Microseconds(device, new(shape.QueryRows, shape.Keys, shape.Warps, ResidentBlocks: 1), loop.WarpTile, n,
                shape.Extend ? 2 * PassModel.Keys : PassModel.Keys)
            : null;
}
