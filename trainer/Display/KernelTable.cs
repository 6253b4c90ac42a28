using System.Globalization;
using System.Text.Json;
using FeatureTransform.Cuda.Emulator;

namespace FeatureTransform.Trainer.Display;

/// <summary>What kernels executed, as a table for a person and as JSON.</summary>
internal static class KernelTable
{
    private static readonly JsonSerializerOptions Options = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, WriteIndented = true };

    private static readonly (string Name, Func<KernelCounters, double> Of)[] Columns =
    [
        ("instr", c => c.Instructions),
        ("lanes", c => c.ActiveLanes),
        ("int", c => c.IntegerInstructions),
        ("float", c => c.FloatInstructions),
        ("special", c => c.SpecialFunctions),
        ("memory", c => c.MemoryInstructions),
        ("requests", c => c.GlobalRequests),
        ("sectors", c => c.GlobalSectors),
        ("wavefronts", c => c.SharedWavefronts),
        ("conflicts", c => c.BankConflicts),
        ("flops", c => c.SingleFlops + c.DoubleFlops + c.HalfFlops),
        ("mma", c => c.MatrixInstructions),
        ("mma flops", c => c.MatrixFlops),
        ("diverge", c => c.DivergentBranches),
        ("barriers", c => c.Barriers),
        ("atomics", c => c.Atomics),
    ];

    /// <summary>A row a kernel; numbers to three digits.</summary>
    public static string Format(IReadOnlyDictionary<string, KernelCounters> kernels, string sizes)
    {
        string[] head = ["kernel", .. Columns.Select(column => column.Name)];
        string[][] rows = [.. kernels.Select(kernel => (string[])[kernel.Key, .. Columns.Select(column => Short(column.Of(kernel.Value)))])];
        int[] widths = [.. head.Select((name, i) => rows.Select(row => row[i].Length).Append(name.Length).Max())];
        return string.Join('\n', rows.Prepend(head).Select(row => string.Join("  ", row.Select((cell, i) =>
            i == 0 ? cell.PadRight(widths[i]) : cell.PadLeft(widths[i])))))
            + $"""


            Counted by the emulator: {sizes}.
            instr: instructions executed by warps, by class behind it; lanes: active ones on average; requests and 32-byte sectors of global memory;
            wavefronts: passes through the banks of shared memory, conflicts: those beyond what the data need.
            These are facts about the PTX, never times.
            """;
    }

    /// <summary>All counters, exact.</summary>
    public static string Json(IReadOnlyDictionary<string, KernelCounters> kernels, string sizes) => JsonSerializer.Serialize(
        new
        {
            Sizes = sizes,
            Kernels = kernels.ToDictionary(kernel => kernel.Key, kernel => typeof(KernelCounters).GetProperties()
                .Where(property => property.Name is not (nameof(KernelCounters.File) or nameof(KernelCounters.Line)))
                .ToDictionary(property => JsonNamingPolicy.CamelCase.ConvertName(property.Name), property => property.GetValue(kernel.Value))),
        }, Options);

    private static string Short(double value)
    {
        (double scaled, string unit) = value switch
        {
            >= 1e9 => (value / 1e9, "G"),
            >= 1e6 => (value / 1e6, "M"),
            >= 1e4 => (value / 1e3, "k"),
            _ => (value, ""),
        };
        string digits = scaled == Math.Floor(scaled) && unit.Length == 0 ? "F0" : scaled >= 100 ? "F0" : scaled >= 10 ? "F1" : "F2";
        return scaled.ToString(digits, CultureInfo.InvariantCulture) + unit;
    }
}
