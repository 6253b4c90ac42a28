using System.Globalization;
using System.Text.RegularExpressions;

namespace FeatureTransform.Cuda;

/// <summary>What the assembler says of one kernel.</summary>
/// <param name="Kernel">The kernel's name.</param>
/// <param name="Registers">Registers of a thread.</param>
/// <param name="SpillStoreBytes">Bytes that instructions store because registers did not suffice, in the functions that it
/// calls too.</param>
/// <param name="SpillLoadBytes">Bytes that instructions load again.</param>
/// <param name="SharedBytes">Static shared memory of a block.</param>
/// <param name="ConstantBytes">Constant memory, the parameters included.</param>
/// <param name="StackBytes">Local memory of a thread: arrays, spilled registers, calls.</param>
public sealed partial record KernelFigures(
    string Kernel, int Registers, int SpillStoreBytes, int SpillLoadBytes, int SharedBytes, int ConstantBytes, int StackBytes)
{
    /// <summary>Reads the log of a compilation with the option --ptxas-options=-v, of any architecture sm_XX.</summary>
    /// <returns>One item for each kernel, in the log's order; none for PTX, which the assembler has not seen.</returns>
    public static IReadOnlyList<KernelFigures> Parse(string log)
    {
        ArgumentNullException.ThrowIfNull(log);
        var kernels = new List<KernelFigures>();
        foreach (string line in log.Split('\n'))
        {
            if (Entry().Match(line) is { Success: true } entry)
            {
                kernels.Add(new KernelFigures(entry.Groups[1].Value, 0, 0, 0, 0, 0, 0));
            }
            else if (kernels.Count > 0)
            {
                // Lines without one of these quantities add nothing.
                KernelFigures kernel = kernels[^1];
                kernels[^1] = kernel with
                {
                    Registers = kernel.Registers + Sum(Register(), line),
                    SpillStoreBytes = kernel.SpillStoreBytes + Sum(SpillStore(), line),
                    SpillLoadBytes = kernel.SpillLoadBytes + Sum(SpillLoad(), line),
                    SharedBytes = kernel.SharedBytes + Sum(Shared(), line),
                    ConstantBytes = kernel.ConstantBytes + Sum(Constant(), line),
                    StackBytes = Math.Max(kernel.StackBytes, Sum(Stack(), line)),
                };
            }
        }
        return kernels;
    }

    private static int Sum(Regex quantity, string line) =>
        quantity.Matches(line).Sum(match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture));

    [GeneratedRegex("Compiling entry function '([^']+)'")]
    private static partial Regex Entry();

    [GeneratedRegex(@"Used (\d+) registers")]
    private static partial Regex Register();

    [GeneratedRegex(@"(\d+) bytes spill stores")]
    private static partial Regex SpillStore();

    [GeneratedRegex(@"(\d+) bytes spill loads")]
    private static partial Regex SpillLoad();

    [GeneratedRegex(@"(\d+) bytes smem")]
    private static partial Regex Shared();

    [GeneratedRegex(@"(\d+) bytes cmem\[\d+\]")]
    private static partial Regex Constant();

    [GeneratedRegex(@"(\d+) bytes (?:stack frame|cumulative stack size)")]
    private static partial Regex Stack();
}
