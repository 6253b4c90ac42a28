namespace FeatureTransform.Cuda.Emulator.Tests.Instructions;

/// <summary>The approximate instructions stay within the bounds of the PTX ISA, correctly rounded or with seeded errors.</summary>
public class ApproximationTests
{
    [Theory]
    [InlineData("ex2.approx.f32", -20, 20, 2.4e-7)]
    [InlineData("rcp.approx.f32", -50, 50, 1.2e-7)]
    [InlineData("rsqrt.approx.f32", 0.001, 1000, 1.28e-7)]
    [InlineData("sqrt.approx.f32", 0.001, 1000, 1.2e-7)]
    [InlineData("lg2.approx.f32", 2.5, 1000, 2.4e-7)]
    [InlineData("tanh.approx.f32", -4, 4, 4.9e-4)]
    public void Errors_are_bounded(string form, double least, double most, double bound)
    {
        var random = new Random(7);
        float[] x = [.. Enumerable.Range(0, 4000).Select(_ => (float)(least + (most - least) * random.NextDouble()))];
        foreach (int seed in new[] { 0, 1, 99 })
        {
            double worst = 0;
            float[] results = Run(form, x, seed);
            for (int i = 0; i < x.Length; i++)
            {
                double exact = form[..form.IndexOf('.', StringComparison.Ordinal)] switch
                {
                    "ex2" => Math.Pow(2, x[i]),
                    "rcp" => 1.0 / x[i],
                    "rsqrt" => 1 / Math.Sqrt(x[i]),
                    "sqrt" => Math.Sqrt(x[i]),
                    "lg2" => Math.Log2(x[i]),
                    _ => Math.Tanh(x[i]),
                };
                worst = Math.Max(worst, Math.Abs(results[i] / exact - 1));
            }
            Assert.True(worst <= (seed == 0 ? 6e-8 : bound), $"{form} seed {seed}: relative error {worst}");
            Assert.True(seed == 0 || worst > 0.7 * bound, $"{form} seed {seed}: the error {worst} does not try the bound {bound}");
        }
    }

    private static float[] Run(string form, float[] x, int seed)
    {
        string text = $".version 8.4\n.target sm_80\n.address_size 64\n.visible .entry t(.param .u64 x_)\n{{ .reg .b32 %r<3>; .reg .f32 %f<3>; .reg .b64 %rd<3>;\n"
            + "ld.param.u64 %rd1, [x_]; mov.u32 %r1, %ctaid.x; mad.lo.u32 %r1, %r1, 32, %tid.x; mad.wide.u32 %rd2, %r1, 4, %rd1;\n"
            + $"ld.global.f32 %f1, [%rd2]; {form} %f2, %f1; st.global.f32 [%rd2], %f2; ret; }}";
        using var device = new PtxRunner(new EmulatorOptions { ApproximationSeed = seed });
        ulong address = device.Allocate<float>(x);
        device.Launch(device.Load(text), "t", new Dim3((uint)x.Length / 32), new Dim3(32), BitConverter.GetBytes(address)).ThrowIfUnclean();
        return device.Read<float>(address, x.Length);
    }
}
