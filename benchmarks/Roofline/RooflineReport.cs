using System.Globalization;
using System.Text;

namespace FeatureTransform.Benchmarks.Roofline;

/// <summary>Writes what a training step takes at least on devices of a data sheet.</summary>
internal static class RooflineReport
{
    public static int Run(string[] args)
    {
        if (args is not [string file])
        {
            Console.Error.WriteLine("expected: roofline FILE");
            return 2;
        }

        File.WriteAllText(file, Write());
        return 0;
    }

    /// <summary>The document.</summary>
    public static string Write()
    {
        var text = new StringBuilder($"""
            # Roofline of a training step

            A model: the least time that a step of MoCo v2 with feature transformation can take in bf16, whose figures come from shapes and data
            sheets. **No time in it was measured.** The trainer's own step runs over a device that notes the work of each operation and does
            none of it. Written by `dotnet run -c Release --project benchmarks -- roofline docs/roofline.md`.

            - **FLOP** are the multiplications and additions of convolutions and products, two a multiply-add; what is done element by element,
              in fp32, is left out. The stem counts the image's 3 channels: the device multiplies 8, padded with zeros.
            - **MB** (1e6 bytes) are the tensors that an operation reads and writes in the device's memory, each once, as cuDNN's graphs
              (`NetworkGraphs`) and our kernels have them. Left out: workspaces, second readings within an operation, what a cache saves, and
              copies of a few kilobytes (running statistics, the stem's padded filters).
            - An operation takes the longer of FLOP at the peak and bytes at the bandwidth; a row is the sum of its operations, and its bound
              what most of that time waits for. Operations do not overlap.
            - Peaks, of NVIDIA's data sheets: {Peaks()}.

            """).Append('\n');
        foreach (RooflineNetwork network in RooflineNetwork.All)
        {
            Append(text, network);
        }

        return text.ToString().ReplaceLineEndings("\n");
    }

    private static string Peaks() => string.Join("; ", DevicePeak.All.Select(peak => string.Create(
        CultureInfo.InvariantCulture,
        $"{peak.Name} {(peak == DevicePeak.A100 ? "80GB SXM " : "SXM ")}{peak.Flops / 1e12:0.#} TFLOP/s of bf16 without sparsity and {peak.Bandwidth / 1e9:0} GB/s")));

    private static void Append(StringBuilder text, RooflineNetwork network)
    {
        text.Append(CultureInfo.InvariantCulture, $"## {network.Name}, queue of 65536 in bf16\n\n| part | operations | GFLOP | MB | FLOP/byte |");
        text.AppendJoin("", DevicePeak.All.Select(peak => $" {peak.Name} bound | us |")).Append("\n|---|---|---|---|---|");
        text.AppendJoin("", DevicePeak.All.Select(_ => "---|---|")).Append('\n');
        foreach (IGrouping<string, LayerWork> part in network.Work.GroupBy(work => work.Group))
        {
            AppendRow(text, part.Key, [.. part]);
        }

        AppendRow(text, "**all**", network.Work);
        string ends = string.Join("; ", DevicePeak.All.Select(peak => string.Create(
            CultureInfo.InvariantCulture,
            $"{peak.Name} {network.N / network.Work.Sum(peak.Seconds):0} pairs/s, and {network.Uploaded / peak.Link * 1e6:0} us for the images")));
        text.Append(CultureInfo.InvariantCulture, $"""

            At most: {ends}, which are {network.Uploaded / 1e6:0.0} MB over PCI Express
            ({string.Join(", ", DevicePeak.All.Select(peak => $"{peak.Name} {peak.Link / 1e9} GB/s"))}), beside the step or before it.

            """).Append('\n');
    }

    private static void AppendRow(StringBuilder text, string name, IReadOnlyCollection<LayerWork> parts)
    {
        double flops = parts.Sum(work => work.Flops), bytes = parts.Sum(work => work.Bytes);
        text.Append(CultureInfo.InvariantCulture, $"| {name} | {parts.Count} | {flops / 1e9:0.0} | {bytes / 1e6:0.0} | {flops / bytes:0.0} |");
        foreach (DevicePeak peak in DevicePeak.All)
        {
            double seconds = parts.Sum(peak.Seconds), computing = parts.Where(peak.Computes).Sum(peak.Seconds);
            text.Append(CultureInfo.InvariantCulture, $" {(computing > seconds / 2 ? "compute" : "memory")} | {seconds * 1e6:0.0} |");
        }

        text.Append('\n');
    }
}
