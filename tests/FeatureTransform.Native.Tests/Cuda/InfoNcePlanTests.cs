using FeatureTransform.Cuda;
using FeatureTransform.Native.Cuda;
using Xunit;

namespace FeatureTransform.Native.Tests.Cuda;

public sealed class InfoNcePlanTests
{
    private const int Kilobyte = 1024, A100 = 163 * Kilobyte, H100 = 227 * Kilobyte, GeForce = 99 * Kilobyte;
    private const int Multiprocessors = 108;

    private static readonly FeatureTransformOptions Default = new();

    [Theory]
    [InlineData(256, ElementType.BFloat16, LambdaScope.Batch, A100, "infonce_bf16", 8, 32, 32, 0, null)]
    [InlineData(129, ElementType.Float32, LambdaScope.Row, A100, "infonce_bf16", 8, 32, 32, 1, null)]
    [InlineData(128, ElementType.BFloat16, LambdaScope.Batch, A100, "infonce_bf16", 8, 16, 32, 0, null)]
    [InlineData(256, ElementType.BFloat16, LambdaScope.Element, A100, "infonce_bf16", 8, 32, 32, 2, null)]
    [InlineData(257, ElementType.BFloat16, LambdaScope.Element, A100, "infonce_bf16", 8, 32, 32, 3, ElementType.BFloat16)]
    [InlineData(768, ElementType.BFloat16, LambdaScope.Batch, A100, "infonce_bf16", 8, 32, 32, 0, null)]
    [InlineData(769, ElementType.BFloat16, LambdaScope.Batch, A100, "infonce_bf16", 8, 32, 32, 3, ElementType.BFloat16)]
    [InlineData(768, ElementType.Float32, LambdaScope.Batch, A100, "infonce_bf16", 8, 32, 32, 0, null)]
    [InlineData(769, ElementType.Float32, LambdaScope.Batch, A100, "infonce_bf16", 8, 32, 32, 3, ElementType.BFloat16)]
    [InlineData(256, ElementType.BFloat16, LambdaScope.Batch, GeForce, "infonce_bf16", 8, 16, 32, 0, null)]
    [InlineData(256, ElementType.Float32, LambdaScope.Batch, GeForce, "infonce_bf16", 8, 16, 16, 0, null)]
    [InlineData(4096, ElementType.BFloat16, LambdaScope.Batch, GeForce, "infonce_bf16", 8, 16, 32, 3, ElementType.BFloat16)]
    public void Takes_tile_and_path_by_size_scope_and_device(
        int n, ElementType queue, LambdaScope scope, int sharedBytes, string kernel, int warps, int warpRows, int keys,
        int kernelScope, ElementType? mixed)
    {
        InfoNcePlan plan = InfoNcePlan.Choose(
            new CudaStepShape(n, 128, 65536) { Queue = queue }, Default with { NegativeScope = scope }, Multiprocessors,
            sharedBytes);
        Assert.Equal(kernel, plan.Kernel);
        Assert.Contains($"FT_WARPS={warps}", plan.Variant.Defines);
        Assert.Contains($"FT_WARP_ROWS={warpRows}", plan.Variant.Defines);
        Assert.Contains($"FT_KEYS={keys}", plan.Variant.Defines);
        Assert.Contains($"FT_SCOPE={kernelScope}", plan.Variant.Defines);
        Assert.Equal(mixed, plan.Mixed);
        Assert.Equal(mixed is not null && mixed != queue, plan.QueueIsMixed);
        Assert.Equal(warps * warpRows, plan.QueryRows);
        Assert.Equal(32 * warps, plan.Threads);
    }

    [Theory]
    [InlineData(ElementType.BFloat16, 116, 99)]
    [InlineData(ElementType.Float32, 148, 148)]
    public void Shared_memory_is_within_the_bars(ElementType queue, int large, int small)
    {
        foreach (LambdaScope scope in new[] { LambdaScope.Batch, LambdaScope.Row })
        {
            int Bytes(int n) => InfoNcePlan.Choose(
                new CudaStepShape(n, 128, 65536) { Queue = queue }, Default with { NegativeScope = scope }, Multiprocessors, H100)
                .DynamicSharedBytes;
            Assert.InRange(Bytes(256), 1, large * Kilobyte);
            Assert.InRange(Bytes(128), 1, small * Kilobyte);
        }
    }

    [Fact]
    public void Every_plan_fits_the_device_and_covers_the_work()
    {
        int plans = 0;
        foreach ((CudaStepShape shape, FeatureTransformOptions options) in Cases())
        {
            foreach (int limit in new[] { GeForce, A100, H100 })
            {
                InfoNcePlan plan = InfoNcePlan.Choose(shape, options, Multiprocessors, limit);
                string text = $"{shape} {options} {limit}: {plan.Variant}";
                int rowsOfTile = plan.QueryRows;
                Assert.True(plan.DynamicSharedBytes + 256 + (12 * rowsOfTile) <= limit, text);
                Assert.True(limit == GeForce || shape.C > 128 || plan.Precision == shape.Precision, text);
                Assert.True(options.Negative != NegativeTransform.None || plan.Mixed is null, text);
                Assert.True(
                    !options.NegativeNormalize || options.Negative == NegativeTransform.None || plan.Mixed is not null, text);
                Assert.False(plan.QueueIsMixed && options.Negative == NegativeTransform.Extend, text);
                foreach (int n in new[] { 1, (shape.MaxN + 1) / 2, shape.MaxN })
                {
                    long tiles = (n + rowsOfTile - 1) / rowsOfTile, pairs = tiles * ((shape.K + plan.Keys - 1) / plan.Keys);
                    Assert.InRange(plan.Blocks(n), 1, Math.Min(Multiprocessors, pairs));
                    long floats = (plan.Blocks(n) + tiles - 1) * rowsOfTile * (((shape.C + 3) / 4 * 4) + 5);
                    Assert.True(floats * sizeof(float) <= plan.PartialBytes, text);
                }

                plans++;
            }
        }

        Assert.True(plans > 1000);
    }

    [Theory]
    [InlineData(int.MaxValue, 128, int.MaxValue, NegativeTransform.Replace)]
    [InlineData(1 << 20, CudaStepShape.MaxC, 1 << 15, NegativeTransform.Extend)] // 2^18 tiles of 4 queries, twice 2^13 of 4 keys
    public void More_tiles_than_the_kernels_count_are_refused(int n, int c, int k, NegativeTransform negative)
    {
        CudaStepShape shape = new(n, c, k) { Precision = CudaPrecision.Float32 };
        FeatureTransformOptions options = Default with { Negative = negative };
        ArgumentException exception = Assert.Throws<ArgumentException>(() => InfoNcePlan.Choose(shape, options, Multiprocessors, A100));
        Assert.Contains($"MaxN {n} and K {k} make", exception.Message);
    }

    [Fact]
    public void As_many_tiles_as_the_kernels_count_are_planned()
    {
        CudaStepShape shape = new(1 << 20, CudaStepShape.MaxC, 1 << 15) { Precision = CudaPrecision.Float32 };
        Assert.Equal(4, InfoNcePlan.Choose(shape, Default, Multiprocessors, A100).Keys);
    }

    /// <summary>3 / tau log2(e) + log2(K) is 124.2 for tau 0.04 and 133.3 for tau 0.037, where a float ends at 127.</summary>
    [Theory]
    [InlineData(0.2f, LambdaScope.Batch, false)]
    [InlineData(0.041f, LambdaScope.Batch, false)]
    [InlineData(0.037f, LambdaScope.Batch, true)]
    [InlineData(0.06f, LambdaScope.Element, false)]
    [InlineData(0.05f, LambdaScope.Element, true)]
    public void Running_maximum_is_used_where_exponentials_could_leave_the_range(float tau, LambdaScope scope, bool needed) =>
        Assert.Equal(needed, InfoNcePlan.NeedsMaximum(Default with { Tau = tau, NegativeScope = scope }, 65536));

    [Fact]
    public void Normalised_mixes_need_no_maximum_at_a_third_of_the_temperature()
    {
        FeatureTransformOptions options = Default with { Tau = 0.015f };
        Assert.True(InfoNcePlan.NeedsMaximum(options, 65536));
        Assert.False(InfoNcePlan.NeedsMaximum(options with { PositiveNormalize = true, NegativeNormalize = true }, 65536));
    }

    /// <summary>The kernels check the shared memory that plans ask for; none of these may spill a register.</summary>
    [Fact]
    public void Planned_kernels_compile_as_planned()
    {
        Assert.SkipUnless(Nvrtc.TryLoad(out Nvrtc? nvrtc, out string? reason), reason ?? "");
        var compiler = new KernelCompiler(nvrtc!, KernelSet.LoadSources());
        InfoNcePlan[] plans =
        [
            Plan(256, 128, ElementType.BFloat16, CudaPrecision.BFloat16, Default),
            Plan(256, 128, ElementType.Float32, CudaPrecision.BFloat16, Default with { NegativeScope = LambdaScope.Element }),
            Plan(100, 96, ElementType.Float32, CudaPrecision.BFloat16, Default with { NegativeScope = LambdaScope.Row }),
            Plan(300, 128, ElementType.BFloat16, CudaPrecision.BFloat16, Default with { Tau = 0.01f }),
            Plan(100, 256, ElementType.BFloat16, CudaPrecision.BFloat16, Default with { Negative = NegativeTransform.Extend }),
            Plan(4096, 128, ElementType.Float32, CudaPrecision.BFloat16, Default),
            Plan(100, 128, ElementType.BFloat16, CudaPrecision.TensorFloat32, Default),
            Plan(100, 1000, ElementType.Float32, CudaPrecision.Float32, Default),
        ];
        Parallel.ForEach(plans, plan =>
        {
            KernelFigures kernel = Assert.Single(compiler.Compile(plan.Variant, "sm_80").Figures);
            Assert.Equal(plan.Kernel, kernel.Kernel);
            Assert.True(kernel.SpillStoreBytes == 0, $"{plan.Variant} spills {kernel.SpillStoreBytes} bytes");
            Assert.InRange(kernel.SharedBytes + plan.DynamicSharedBytes, 1, A100);
        });
    }

    private static InfoNcePlan Plan(
        int n, int c, ElementType queue, CudaPrecision precision, FeatureTransformOptions options) =>
        InfoNcePlan.Choose(
            new CudaStepShape(n, c, 65535) { Queue = queue, Precision = precision }, options, Multiprocessors, A100);

    private static IEnumerable<(CudaStepShape Shape, FeatureTransformOptions Options)> Cases() =>
        from c in new[] { 16, 48, 64, 96, 112, 128, 144, 208, 256 }
        from n in new[] { 1, 128, 300, 5000 }
        from k in new[] { 1, 4096, 65537 }
        from queue in Enum.GetValues<ElementType>()
        from precision in Enum.GetValues<CudaPrecision>()
        from negative in Enum.GetValues<NegativeTransform>()
        from scope in Enum.GetValues<LambdaScope>()
        from normalize in new[] { false, true }
        select (
            new CudaStepShape(n, c, k) { Queue = queue, Precision = precision },
            Default with { Negative = negative, NegativeScope = scope, NegativeNormalize = normalize, NegativeAlpha = 0.2f });
}
