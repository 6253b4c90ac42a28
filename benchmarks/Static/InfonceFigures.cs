using FeatureTransform.Cuda;
using FeatureTransform.Native.Cuda;

namespace FeatureTransform.Benchmarks.Static;

/// <summary>
/// The figures of the tensor core kernels of infonce and their bars. Those of the loop hold for the tile of 256 query rows on
/// sm_80 and sm_90, those of the model for A100 and H100.
/// </summary>
internal static class InfonceFigures
{
    /// <summary>What the report calls the pass as its launcher runs it.</summary>
    public const string Pass = "infonce, bf16 queue, batch scope";

    /// <summary>The sizes for which the model tells times.</summary>
    public static readonly int[] Sizes = [256, 1024, 4096];

    private const int RegistersOfABlock = 255 * 256, TwoRegisters = 8, Kilobyte = 1024, BarredChannels = 128;
    private const int BetaTableBytes = 33 * 16 * 16;

    private sealed record TimeBars(ModelDevice Device, double[] Must, double[] Aim, double WholeMust, double WholeAim);

    private static readonly TimeBars[] Times =
    [
        new(ModelDevice.A100, [46, 180, 680], [40, 160, 620], 57, 48),
        new(ModelDevice.H100, [29, 112, 410], [25, 98, 365], 40, 32),
    ];

    /// <summary>Bytes that may be spilled: the widest loops may keep two registers outside the loop.</summary>
    public static int SpillBar(InfonceShape shape) =>
        shape.Scope is InfonceScope.Element or InfonceScope.Mixed ? TwoRegisters : 0;

    /// <summary>
    /// What the dynamic shared memory must be and aims at, for 128 channels. Element scope has the Beta table beside its tiles,
    /// but must fit a device with little shared memory with it.
    /// </summary>
    public static (double? Must, double? Aim) SharedBars(KernelVariant variant, InfonceShape shape)
    {
        int table = shape.Scope == InfonceScope.Element ? BetaTableBytes : 0;
        return shape switch
        {
            { TensorFloat32: true } or { Channels: not BarredChannels } => default((double?, double?)),
            _ when KernelCatalog.IsForLittleShared(variant) => (99 * Kilobyte, (81 * Kilobyte) + table),
            { HalfQueue: true } => ((116 * Kilobyte) + table, (100 * Kilobyte) + table),
            _ => ((148 * Kilobyte) + table, (130 * Kilobyte) + table),
        };
    }

    /// <summary>The figures of one kernel beyond those that every kernel has.</summary>
    public static IEnumerable<Figure> OfKernel(CompiledKernel compiled, InfonceShape shape)
    {
        Figure Of(string name, double value, double? must = null, double? aim = null) =>
            new(compiled.Kernel.Name, compiled.Architecture, name, value, must, aim);

        yield return Of("registers x threads", compiled.Assembler.Registers * compiled.Kernel.Threads, RegistersOfABlock);
        if (compiled.Infonce is not { } loop)
        {
            yield break;
        }

        bool barred = shape.IsMain && compiled.Architecture is "sm_80" or "sm_90";
        bool batch = barred && shape.Scope == InfonceScope.Batch, mixed = barred && shape.Scope == InfonceScope.Mixed;
        yield return Of("guarded instructions of the main loop", compiled.Loop!.Guarded.Length);
        yield return Of("local memory accesses in the main loop", loop.Local, 0);
        yield return Of("loops in the main loop outside guarded code", compiled.Loop.Nested, 0);
        (double Must, double Aim)? part = batch ? (compiled.Architecture == "sm_90" ? 20.5 : 21, 25) : null;
        (double Must, double Aim)? whole = batch ? (16, 19) : mixed ? (27, 31) : null;
        yield return Of("HMMA share without guarded code, %", loop.UnguardedTensorShare, part?.Must, part?.Aim) with
        {
            AtLeast = true,
        };
        yield return Of("HMMA share of the whole loop, %", loop.TensorShare, whole?.Must, whole?.Aim) with { AtLeast = true };
        yield return Of("LDSM.x4 per HMMA", loop.MatrixLoads, barred ? 0.375 : null, barred ? 0.32 : null);
        yield return Of("MUFU.EX2 per HMMA", loop.Exponentials, barred ? 0.28 : null, barred ? 0.25 : null);
        yield return Of("barriers a key tile", loop.Barriers, barred ? 1 : null, barred ? 1 : null);
        foreach (ModelDevice device in ModelDevice.All)
        {
            foreach (int n in Sizes)
            {
                if (compiled.PassMicroseconds(device, n) is { } time)
                {
                    yield return Of($"model: pass only, {device.Name}, N {n}, us", time);
                }
            }
        }
    }

    /// <summary>
    /// The model's times of the pass as its launcher runs it: mixed in the pass, for many queries once before it.
    /// </summary>
    public static IEnumerable<Figure> OfPass(IReadOnlyCollection<CompiledKernel> kernels)
    {
        foreach (TimeBars bars in Times)
        {
            Figure Of(string what, int n, double value, double must, double aim) =>
                new(Pass, bars.Device.Architecture, $"model: {what}, {bars.Device.Name}, N {n}, us", value, must, aim);

            for (int i = 0; i < Sizes.Length; i++)
            {
                if (PassMicroseconds(kernels, bars.Device, Sizes[i]) is not { } time)
                {
                    continue;
                }

                yield return Of("pass only", Sizes[i], time, bars.Must[i], bars.Aim[i]);
                if (i == 0)
                {
                    double whole = time + PassModel.WholeOperationMicroseconds;
                    yield return Of("whole operation", Sizes[i], whole, bars.WholeMust, bars.WholeAim);
                }
            }
        }
    }

    private static double? PassMicroseconds(IEnumerable<CompiledKernel> kernels, ModelDevice device, int n)
    {
        InfoNcePlan plan = KernelCatalog.Plan(device, n);
        CompiledKernel? kernel = kernels.FirstOrDefault(compiled =>
            compiled.Architecture == device.Architecture && compiled.Kernel.Variant == plan.Variant);
        return kernel?.PassMicroseconds(device, n) + (plan.Mixed is null ? 0 : device.MixMicroseconds);
    }
}
