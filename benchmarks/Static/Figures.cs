namespace FeatureTransform.Benchmarks.Static;

/// <summary>Every figure of compiled kernels, with its bar.</summary>
internal static class Figures
{
    /// <summary>All figures of all kernels, then those of the contrastive pass as a whole.</summary>
    public static List<Figure> Of(IReadOnlyCollection<CompiledKernel> kernels) =>
        [.. kernels.SelectMany(OfKernel).Concat(InfonceFigures.OfPass(kernels))];

    private static IEnumerable<Figure> OfKernel(CompiledKernel compiled)
    {
        InfonceShape? shape = compiled.Kernel.Infonce;
        int spill = shape is null ? 0 : InfonceFigures.SpillBar(shape);
        Figure Of(string name, double value, double? must = null, double? aim = null) =>
            new(compiled.Kernel.Name, compiled.Architecture, name, value, must, aim);

        yield return Of("warnings", compiled.Warnings, 0);
        yield return Of("registers", compiled.Assembler.Registers);
        yield return Of("spills, bytes", compiled.Assembler.SpillStoreBytes, spill, 0);
        yield return Of("stack, bytes", compiled.Assembler.StackBytes, shape is null ? null : spill);
        yield return Of("threads of a block", compiled.Kernel.Threads);
        yield return Of("static shared memory, bytes", compiled.Assembler.SharedBytes);
        (double? sharedMust, double? sharedAim) =
            shape is null ? default : InfonceFigures.SharedBars(compiled.Kernel.Variant, shape);
        yield return Of("dynamic shared memory, bytes", compiled.Kernel.DynamicShared, sharedMust, sharedAim);
        if (compiled is { ResidentBlocks: { } blocks, Occupancy: { } occupancy })
        {
            yield return Of("blocks on a multiprocessor", blocks);
            yield return Of("occupancy, %", occupancy);
        }

        if (compiled.Loop is { } loop)
        {
            yield return Of("instructions of the main loop", loop.Instructions.Length);
            foreach ((string name, double count) in InstructionMix.Of(loop.Instructions).Counts)
            {
                yield return Of($"main loop: {name}", count);
            }
        }

        foreach (Figure figure in shape is null ? [] : InfonceFigures.OfKernel(compiled, shape))
        {
            yield return figure;
        }
    }
}
