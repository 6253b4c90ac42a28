using System.Globalization;

namespace FeatureTransform.Benchmarks.Static;

/// <summary>The report as Markdown; the same kernels and tools give the same text.</summary>
internal static class StaticMarkdown
{
    /// <summary>Writes the report.</summary>
    /// <param name="tools">What compiled and disassembled, a line each.</param>
    /// <param name="kernels">The kernels, all architectures.</param>
    /// <param name="figures">Their figures.</param>
    public static string Write(IEnumerable<string> tools, IReadOnlyList<CompiledKernel> kernels, IReadOnlyList<Figure> figures)
    {
        using var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        text.WriteLine("""
            # Static report of the CUDA kernels

            Written by `dotnet run -c Release --project benchmarks -- static docs/static-report.md`. It needs no GPU: it holds
            what the compiler and the disassembler say of every kernel, and times by a model. **No time in it was measured.**

            """);
        text.WriteLine("```");
        text.WriteLine(string.Join('\n', tools));
        text.WriteLine("```");
        Bars(text, figures);
        Kernels(text, [.. kernels.Where(kernel => StaticCompilation.IsInFull(kernel.Architecture))]);
        foreach (IGrouping<string, CompiledKernel> architecture in kernels
            .Where(kernel => kernel is { Loop: not null, Architecture: "sm_80" or "sm_90" })
            .GroupBy(kernel => kernel.Architecture))
        {
            Mix(text, architecture);
        }

        Model(text, figures);
        return text.ToString();
    }

    private static void Bars(StringWriter text, IReadOnlyList<Figure> figures)
    {
        Figure[] missed = [.. figures.Where(figure => !figure.Met)];
        text.WriteLine();
        text.WriteLine("## Bars");
        text.WriteLine();
        int barred = figures.Count(figure => figure.Must is not null);
        text.WriteLine($"{barred} figures have a bar; {missed.Length} miss what they must be.");
        Table(text, "Missed", missed);
        ILookup<bool, Figure> aimed =
            figures.Where(figure => figure.Aim is not null).ToLookup(figure => figure.Kernel == InfonceFigures.Pass);
        Table(text, "Model times of the contrastive pass as it is launched", [.. aimed[true]]);
        Table(text, "Kernels of the pass", [.. aimed[false].Where(figure => figure.Must > 0)]);
    }

    // A row a figure; architectures with the same bar share it.
    private static void Table(StringWriter text, string title, Figure[] figures)
    {
        if (figures.Length == 0)
        {
            return;
        }

        text.WriteLine();
        text.WriteLine($"### {title}");
        text.WriteLine();
        text.WriteLine("| kernel | figure | architecture | value | must | aim | |");
        text.WriteLine("|---|---|---|---|---|---|---|");
        foreach (IGrouping<(string, string, double?), Figure> row in
            figures.GroupBy(figure => (figure.Kernel, figure.Name, figure.Must)))
        {
            Figure first = row.First();
            string sign = first.AtLeast ? ">=" : "<=";
            string met = row.Any(figure => !figure.Met) ? "**missed**" : row.All(figure => figure.AimMet) ? "aim met" : "met";
            text.WriteLine(
                $"| {first.Kernel} | {first.Name} | {string.Join(" / ", row.Select(figure => figure.Arch))} | " +
                $"{Same(row.Select(figure => Number(figure.Value)))} | {sign} {Number(first.Must)} | " +
                $"{(first.Aim is null ? "" : $"{sign} {Number(first.Aim)}")} | {met} |");
        }
    }

    private static void Kernels(StringWriter text, IReadOnlyList<CompiledKernel> kernels)
    {
        text.WriteLine();
        text.WriteLine("## Kernels");
        text.WriteLine();
        text.WriteLine($"""
            Where architectures differ: {Architectures(kernels)}. For others that the compiler knows one variant of each file is
            compiled, under the same bars of warnings and spills. Shared memory is static + dynamic. Blocks are those that one
            multiprocessor holds at once, computed from registers, threads and shared memory; 0: a block does not fit there, and the
            launcher takes another variant. Instructions are those of the main loop: the shortest loop with the most tensor products,
            else the longest loop; loops within it count once, called functions do not. Guarded ones among them are skipped by a
            conditional branch and hold no tensor product.

            """);
        text.WriteLine("""
            | kernel | threads | registers | spilled bytes | shared bytes | blocks | occupancy, % | instructions | guarded |
            |---|---|---|---|---|---|---|---|---|
            """);
        foreach (IGrouping<StaticKernel, CompiledKernel> group in kernels.GroupBy(kernel => kernel.Kernel))
        {
            string Cell(Func<CompiledKernel, string> value) => Same(group.Select(value));
            string[] cells =
            [
                group.Key.Name,
                Number(group.Key.Threads),
                Cell(kernel => Number(kernel.Assembler.Registers)),
                Cell(kernel => Number(kernel.Assembler.SpillStoreBytes)),
                Cell(kernel => $"{kernel.Assembler.SharedBytes} + {kernel.Kernel.DynamicShared}"),
                Cell(kernel => Number(kernel.ResidentBlocks)),
                Cell(kernel => Number(kernel.Occupancy)),
                Cell(kernel => Number(kernel.Loop?.Instructions.Length)),
                Cell(kernel => kernel.Kernel.Infonce is null ? "" : Number(kernel.Loop?.Guarded.Length)),
            ];
            text.WriteLine($"| {string.Join(" | ", cells)} |");
        }
    }

    private static void Mix(StringWriter text, IGrouping<string, CompiledKernel> kernels)
    {
        text.WriteLine();
        text.WriteLine($"## Instruction mix of the main loop, {kernels.Key}");
        text.WriteLine();
        text.WriteLine($"| kernel | all | {string.Join(" | ", Counts(kernels.First()).Select(count => count.Name))} |");
        text.WriteLine("|---|---|---|---|---|---|---|---|---|---|---|---|---|");
        foreach (CompiledKernel kernel in kernels)
        {
            text.WriteLine(
                $"| {kernel.Kernel.Name} | {kernel.Loop!.Instructions.Length} | " +
                $"{string.Join(" | ", Counts(kernel).Select(count => Number(count.Count)))} |");
        }
    }

    private static (string Name, double Count)[] Counts(CompiledKernel kernel) =>
        InstructionMix.Of(kernel.Loop!.Instructions).Counts;

    private static string Architectures(IEnumerable<CompiledKernel> kernels) =>
        string.Join(" / ", kernels.Select(kernel => kernel.Architecture).Distinct());

    private static void Model(StringWriter text, IReadOnlyList<Figure> figures)
    {
        Figure[] times =
            [.. figures.Where(figure => figure.Must is null && figure.Name.StartsWith("model", StringComparison.Ordinal))];
        if (times.Length == 0)
        {
            return;
        }

        text.WriteLine();
        text.WriteLine("## Model times of each variant of the pass");
        text.WriteLine();
        text.WriteLine("""
            By the model, K 65536, the pass alone, trusted to +-10 %: a scheduler needs HMMA x c + 1.23 x (all other instructions)
            cycles for a warp and key tile (1.6 with a single warp), a multiprocessor at least its wavefronts of shared memory, 2
            cycles a MUFU and one for 64 bytes from L2. All guarded code counts, and of the loop around the main loop, which draws
            for several tiles, its share. c and clock: A100 8, 1.41 GHz; H100 6.36, 1.65 GHz; RTX 4090 32, 2.52 GHz. Where the
            negatives come mixed, mixing them is not included: the model has 15 us (A100) and 11 us (H100) for it at C 128.

            """);
        string sizes = string.Join(" / ", InfonceFigures.Sizes);
        IEnumerable<string> columns = ModelDevice.All.Select(device => $"model: {device.Name}, N {sizes}, us");
        text.WriteLine($"| kernel | {string.Join(" | ", columns)} |");
        text.WriteLine($"|---|{string.Concat(ModelDevice.All.Select(_ => "---|"))}");
        foreach (IGrouping<string, Figure> kernel in times.GroupBy(figure => figure.Kernel))
        {
            IEnumerable<string> cells = ModelDevice.All
                .Select(device => kernel.Where(figure => figure.Arch == device.Architecture))
                .Select(ofDevice => string.Join(" / ", ofDevice.Select(figure => Number(Math.Round(figure.Value)))));
            text.WriteLine($"| {kernel.Key} | {string.Join(" | ", cells)} |");
        }
    }

    // One value where all that are known are the same.
    private static string Same(IEnumerable<string> values)
    {
        string[] known = [.. values.Where(value => value.Length > 0)];
        return string.Join(" / ", known.Distinct().Count() > 1 ? known : known.Take(1));
    }

    private static string Number(double? value) => value?.ToString("0.###", CultureInfo.InvariantCulture) ?? "";
}
