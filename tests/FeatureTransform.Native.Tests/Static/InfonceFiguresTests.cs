using System.Text.Json;
using FeatureTransform.Benchmarks.Static;
using FeatureTransform.Cuda;
using Xunit;

namespace FeatureTransform.Native.Tests.Static;

/// <summary>Bars, bounds and the counts behind them, on kernels made up of instructions that can be counted by hand.</summary>
public sealed class InfonceFiguresTests
{
    // As a device with much shared memory runs few and many queries.
    private static readonly KernelVariant Main = KernelCatalog.Plan(ModelDevice.A100, 256).Variant,
        Mixed = KernelCatalog.Plan(ModelDevice.A100, 4096).Variant;

    [Fact]
    public void A_shape_is_read_from_the_macros()
    {
        InfonceShape shape = InfonceShape.Of(
            "infonce_bf16.cu",
            [
                "FT_C=128", "FT_QUEUE_BF16=1", "FT_SCOPE=0", "FT_WARPS=8", "FT_WARP_ROWS=32", "FT_KEYS=32", "FT_PARTIAL_TILE=0",
                "FT_EXTEND=0", "FT_RUNNING_MAX=0",
            ])!;
        Assert.Equal(new(false, 128, true, InfonceScope.Batch, 8, 32, 32, false, false, false), shape);
        Assert.Equal("C 128, bf16 queue, batch, 8 x 32 rows, 32 keys", shape.Description);
        Assert.Equal((256, 256, 128, true), (shape.QueryRows, shape.Threads, shape.TensorPerTile, shape.IsMain));
        // TF32 products are half as deep; 64 keys and 16 rows undo each other.
        Assert.Equal(256, (shape with { TensorFloat32 = true }).TensorPerTile);
        Assert.Equal(128, (shape with { WarpRows = 16, Keys = 64 }).TensorPerTile);
        Assert.Null(InfonceShape.Of("ema.cu", ["FT_C=128"]));
    }

    [Fact]
    public void Counts_are_per_key_tile_and_the_loop_around_draws_for_several()
    {
        // Two key tiles of 128 products, 80 guarded instructions, 40 around that serve eight tiles.
        LoopFigures loop = Loop(tensor: 256, matrix: 64, other: 600, guarded: 80, around: 40).Infonce!;
        Assert.Equal(100.0 * 256 / 1000, loop.TensorShare, 9);
        Assert.Equal(100.0 * 256 / 920, loop.UnguardedTensorShare, 9);
        Assert.Equal(0.25, loop.MatrixLoads, 9);
        Assert.Equal(0.5, loop.Barriers, 9); // one in the loop
        Assert.Equal(128, loop.WarpTile.Tensor, 9);
        Assert.Equal(500 + 5, loop.WarpTile.Instructions, 9);
        Assert.Equal(442 + 1, Loop(128, 48, 266, 0, Mixed, around: 32).Infonce!.WarpTile.Instructions, 9);
        Assert.Equal((4 * 64 / 2) + 5, loop.WarpTile.Wavefronts, 9); // those around are STS
    }

    [Fact]
    public void In_element_scope_the_Beta_table_has_conflicts()
    {
        string[] defines = [.. Main.Defines.Select(define => define == "FT_SCOPE=0" ? "FT_SCOPE=2" : define)];
        var element = new KernelVariant(Main.File, defines);
        WarpTile warp = Loop(128, 48, 300, 80, element).Infonce!.WarpTile;
        Assert.Equal((48 * 4) + (16 * 5.3), warp.Wavefronts, 9); // 32 keys x 128 channels by 256 threads
    }

    [Fact]
    public void A_kernel_like_the_prototype_meets_its_bars_and_the_model_says_its_times()
    {
        CompiledKernel a100 = Loop(tensor: 128, matrix: 48, other: 556 - 128 - 48, guarded: 0);
        List<Figure> figures = Figures.Of([a100, a100 with { Architecture = "sm_90" }]);
        Assert.DoesNotContain(figures, figure => !figure.Met);
        Assert.Equal(23.02, Value(figures, "HMMA share without guarded code, %"), 2);
        Assert.Equal(0.375, Value(figures, "LDSM.x4 per HMMA"), 9);
        ILookup<string, Figure> pass =
            figures.Where(figure => figure.Kernel == InfonceFigures.Pass).ToLookup(figure => figure.Arch);
        Assert.Equal([42, 53], pass["sm_80"].Select(figure => Math.Round(figure.Value)));
        Assert.Equal([46, 57], pass["sm_80"].Select(figure => figure.Must!.Value));
        Assert.Equal([26, 37], pass["sm_90"].Select(figure => Math.Round(figure.Value)));
    }

    [Fact]
    public void Many_queries_take_the_negatives_mixed_before()
    {
        List<Figure> figures = Figures.Of([Loop(128, 48, 442 - 128 - 48, 0, Mixed)]);
        Figure[] pass = [.. figures.Where(figure => figure.Kernel == InfonceFigures.Pass)];
        Assert.Equal(
            ["model: pass only, A100, N 1024, us", "model: pass only, A100, N 4096, us"], pass.Select(figure => figure.Name));
        Assert.Equal([152 + 15, 608 + 15], pass.Select(figure => Math.Round(figure.Value)));
        Assert.All(pass, figure => Assert.True(figure.Met));
        Assert.All(pass, figure => Assert.False(figure.AimMet));
    }

    [Theory]
    [InlineData("spills, bytes", 4, 0)]
    [InlineData("stack, bytes", 0, 8)]
    public void Spilling_misses_a_bar(string figure, int spilled, int stack)
    {
        CompiledKernel kernel = Loop(128, 48, 380, 0);
        kernel = kernel with { Assembler = kernel.Assembler with { SpillStoreBytes = spilled, StackBytes = stack } };
        Assert.Equal([figure], Figures.Of([kernel]).Where(one => !one.Met).Select(one => one.Name));
    }

    [Fact]
    public void Too_many_instructions_miss_shares_and_times()
    {
        string[] missed = [.. Figures.Of([Loop(128, 64, 700, 200)]).Where(figure => !figure.Met).Select(figure => figure.Name)];
        Assert.Contains("HMMA share without guarded code, %", missed);
        Assert.Contains("HMMA share of the whole loop, %", missed);
        Assert.Contains("LDSM.x4 per HMMA", missed);
        Assert.Contains("model: pass only, A100, N 256, us", missed);
        Assert.Contains("model: whole operation, A100, N 256, us", missed);
    }

    [Fact]
    public void A_raised_count_is_a_regression_and_a_lowered_one_is_not()
    {
        CompiledKernel kernel = Loop(128, 48, 380, 0);
        string file = Path.GetTempFileName();
        Bounds.Of("12.4", [kernel]).Write(file);
        Bounds bounds = Bounds.Read(file);
        File.Delete(file);
        Assert.Equal("12.4", bounds.Compiler);
        Assert.Empty(bounds.Regressions([kernel]));
        Assert.Empty(bounds.Regressions([kernel with { Assembler = kernel.Assembler with { Registers = 250 } }]));
        Assert.Empty(bounds.Regressions([Loop(128, 48, 370, 0)]));
        Assert.Equal(
            ["kernel on sm_80: 256 registers, at most 255"],
            bounds.Regressions([kernel with { Assembler = kernel.Assembler with { Registers = 256 } }]));
        Assert.Equal(
            ["kernel on sm_80: 4 bytes spilled, at most 0"],
            bounds.Regressions([kernel with { Assembler = kernel.Assembler with { SpillStoreBytes = 4 } }]));
        Assert.Equal(
            ["kernel on sm_80: 100097 bytes of shared memory, at most 100096"],
            bounds.Regressions([kernel with { Kernel = kernel.Kernel with { DynamicShared = 100_001 } }]));
        Assert.Equal(
            ["kernel on sm_80: 22.98 % HMMA without guarded code, at least 23.02"], bounds.Regressions([Loop(128, 48, 381, 0)]));
        Assert.Equal(["kernel on sm_86 has no bound"], bounds.Regressions([kernel with { Architecture = "sm_86" }]));
    }

    [Fact]
    public void The_report_is_the_same_text_for_the_same_kernels_and_says_model_over_every_time()
    {
        CompiledKernel[] kernels = [Loop(128, 48, 380, 0), Loop(128, 48, 380, 0) with { Architecture = "sm_90" }];
        string Write() => StaticMarkdown.Write(["NVRTC 12.4"], kernels, Figures.Of(kernels));
        string text = Write();
        Assert.Equal(text, Write());
        Assert.Contains("| kernel | 256 | 255 | 0 | 96 + 100000 | 1 | 12.5 | 556 | 0 |", text, StringComparison.Ordinal);
        string heading = "";
        foreach (string line in text.Split('\n'))
        {
            heading = line.StartsWith('#') ? line : heading;
            if (line.Contains(", us", StringComparison.Ordinal))
            {
                Assert.Contains("model", heading, StringComparison.OrdinalIgnoreCase);
                Assert.Contains("model", line, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void Rows_of_JSON_hold_kernel_arch_figure_value_must_aim_and_met()
    {
        using var json = JsonDocument.Parse(StaticReport.ToJson(
        [
            new Figure("a", "sm_80", "share, %", 20.5, 21, 25) { AtLeast = true },
            new Figure("b", "sm_90", "registers", double.PositiveInfinity),
        ]));
        Assert.Equal(
            ["""{"kernel":"a","arch":"sm_80","figure":"share, %","value":20.5,"must":21,"aim":25,"met":false}""",
             """{"kernel":"b","arch":"sm_90","figure":"registers","value":"Infinity","must":null,"aim":null,"met":true}"""],
            json.RootElement.EnumerateArray().Select(row => JsonSerializer.Serialize(row)));
    }

    [Theory]
    [InlineData("--json")]
    [InlineData("--other", "file")]
    [InlineData("one", "two")]
    public void Arguments_that_are_not_understood_are_refused(params string[] arguments) =>
        Assert.Equal(2, StaticReport.Run(arguments));

    private static double Value(IEnumerable<Figure> figures, string name) => figures.First(figure => figure.Name == name).Value;

    // A kernel whose whole loop is these counts, with one barrier among the others.
    private static CompiledKernel Loop(
        int tensor, int matrix, int other, int guarded, KernelVariant? variant = null, int around = 0)
    {
        static IEnumerable<SassInstruction> Repeat(string opcode, int count) =>
            Enumerable.Repeat(new SassInstruction(opcode, false, -1), count);

        SassInstruction[] skipped = [.. Repeat("LOP3.LUT", guarded)];
        SassInstruction[] all =
        [
            .. Repeat("HMMA.16816.F32.BF16", tensor), .. Repeat("LDSM.16.M88.4", matrix), .. Repeat("FADD", other - 1),
            .. Repeat("BAR.SYNC.DEFER_BLOCKING", 1), .. skipped,
        ];
        variant ??= Main;
        InfonceShape shape = InfonceShape.Of(variant.File, variant.Defines)!;
        return new(
            new(variant, "kernel", shape.Threads, 100_000, shape), "sm_80",
            new KernelFigures("infonce_bf16", 255, 0, 0, 96, 0, 0), 0,
            new(all, skipped, [.. Repeat("STS", around)], 0));
    }
}
