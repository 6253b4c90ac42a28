using System.Globalization;

namespace FeatureTransform.Cuda;

/// <summary>Figures of compiled kernels as a table of text.</summary>
internal static class KernelTable
{
    private static readonly string[] Header =
        ["kernel", "for", "registers", "spill st", "spill ld", "shared", "constant", "stack", "from"];

    private const int TextColumns = 2;

    /// <summary>One line a kernel, bytes where a column counts memory; PTX that no driver has compiled is one line without figures.</summary>
    public static string Format(IEnumerable<KernelImage> images)
    {
        string[][] rows = [Header, .. images.OrderBy(image => image.Variant.ToString(), StringComparer.Ordinal).SelectMany(Rows)];
        int[] widths = [.. Enumerable.Range(0, Header.Length).Select(column => rows.Max(row => row[column].Length))];
        return string.Join('\n', rows.Select(row => Line(row, widths)));
    }

    private static string Line(string[] row, int[] widths) => string.Join("  ", row.Select((cell, column) =>
        column < TextColumns ? cell.PadRight(widths[column])
        : column < Header.Length - 1 ? cell.PadLeft(widths[column])
        : cell));

    private static IEnumerable<string[]> Rows(KernelImage image)
    {
        KernelBinary binary = image.Binary;
        string from = string.Create(
            CultureInfo.InvariantCulture, $"{Describe(image.Origin)}, {image.Elapsed.TotalMilliseconds:0} ms");
        string defines = string.Concat(image.Variant.Sorted.Select(define => " " + define));
        if (binary.Figures.Count == 0 && image.Compiled.Count == 0)
        {
            yield return [image.Variant.ToString(), binary.Architecture, "-", "-", "-", "-", "-", "-", from];
        }
        foreach (CudaKernel kernel in image.Compiled)
        {
            yield return
            [
                kernel.Name + defines, binary.Architecture, Text(kernel.RegistersPerThread), "-", "-",
                Text(kernel.StaticSharedBytes), "-", Text(kernel.LocalBytesPerThread), from,
            ];
        }
        foreach (KernelFigures kernel in binary.Figures)
        {
            int[] figures =
            [
                kernel.Registers, kernel.SpillStoreBytes, kernel.SpillLoadBytes, kernel.SharedBytes, kernel.ConstantBytes,
                kernel.StackBytes,
            ];
            yield return
            [
                kernel.Kernel + defines, binary.Architecture,
                .. figures.Select(Text), from,
            ];
        }
    }

    private static string Text(int figure) => figure.ToString(CultureInfo.InvariantCulture);

    private static string Describe(KernelOrigin origin) => origin switch
    {
        KernelOrigin.Compiled => "NVRTC",
        KernelOrigin.Cache => "cache",
        _ => "checked-in PTX",
    };
}
