using System.Text;
using System.Text.RegularExpressions;
using Xunit;

namespace FeatureTransform.Cuda.Tests;

public sealed class KernelCompilerTests
{
    private static KernelCompiler Compiler => RealNvrtc.Compiler(TestKernels.Sources);

    [Theory]
    [InlineData("sm_80")]
    [InlineData("sm_86")]
    [InlineData("sm_89")]
    [InlineData("sm_90")]
    [InlineData("sm_90a")]
    public void A_cubin_is_of_its_architecture(string architecture)
    {
        using var folder = new TemporaryFolder();
        KernelBinary binary = Compiler.Compile(TestKernels.Scale2, architecture);
        Assert.Equal(architecture, binary.Architecture);
        Assert.Equal(["nothing", "scale"], binary.Figures.Select(kernel => kernel.Kernel).Order());
        Assert.Equal(512, binary.Figures.Single(kernel => kernel.Kernel == "scale").SharedBytes);

        string cubin = Path.Combine(folder.Path, "a.cubin");
        File.WriteAllBytes(cubin, binary.Image.Span);
        string assembly = RealNvrtc.Run("cuobjdump", "--dump-sass", cubin);
        Assert.Contains($"code for {architecture}\n", assembly, StringComparison.Ordinal);
        Assert.Contains("Function : scale\n", assembly, StringComparison.Ordinal);
    }

    [Fact]
    public void Ptx_is_text_of_the_variant_that_the_assembler_takes()
    {
        string two = Ptx(Compiler.Compile(TestKernels.Scale2, "compute_80"));
        string three = Ptx(Compiler.Compile(TestKernels.Scale3, "compute_80"));
        Assert.Contains(".target sm_80\n", two, StringComparison.Ordinal);
        Assert.Contains(".visible .entry scale(", two, StringComparison.Ordinal);
        Assert.Contains(".maxntid 128", two, StringComparison.Ordinal);
        Assert.DoesNotContain("0f40400000", two, StringComparison.Ordinal);
        Assert.Contains("0f40400000", three, StringComparison.Ordinal); // 3.0
        Assert.EndsWith("\n", two, StringComparison.Ordinal);

        using var folder = new TemporaryFolder();
        string file = Path.Combine(folder.Path, "a.ptx");
        File.WriteAllText(file, two);
        RealNvrtc.Run("ptxas", "--gpu-name", "sm_86", "--output-file", Path.Combine(folder.Path, "a.cubin"), file);
    }

    [Theory]
    [InlineData("compute_80")]
    [InlineData("sm_86")]
    public void Nothing_of_the_machine_is_in_the_output(string architecture)
    {
        KernelBinary binary = Compiler.Compile(TestKernels.Scale2, architecture);
        string text = Encoding.Latin1.GetString(binary.Image.Span);
        Assert.Contains("/kernels", text, StringComparison.Ordinal);
        Assert.DoesNotContain(Environment.CurrentDirectory, text, StringComparison.Ordinal);
        if (architecture == "compute_80")
        {
            string[] files = [.. Regex.Matches(text, "\\.file\t\\d+ \"(.*?)\"").Select(match => match.Groups[1].Value).Order()];
            Assert.Equal(["/kernels/common/scale.cuh", "/kernels/scale.cu"], files);
        }
    }

    [Theory]
    [InlineData("scale.cu", "sm_80")]
    [InlineData("scale.cu", "compute_80")]
    [InlineData("calls.cu", "compute_80")] // NVRTC counts calls over the life of the process
    public void The_same_sources_give_the_same_bytes(string file, string architecture)
    {
        var variant = new KernelVariant(file, "FT_FACTOR=2");
        byte[] once = Compiler.Compile(variant, architecture).Image.ToArray();
        Assert.Equal(once, Compiler.Compile(variant, architecture).Image.ToArray());
    }

    [Theory]
    [InlineData("sm_80")]
    [InlineData("compute_80")]
    public void An_error_shows_file_line_and_options(string architecture)
    {
        var variant = new KernelVariant("wrong.cu", "FT_C=128", "FT_BF16=1");
        KernelCompileException exception = Assert.Throws<KernelCompileException>(() => Compiler.Compile(variant, architecture));
        Assert.Contains(
            "kernels/common/wrong.cuh(2): error: identifier \"undeclared\" is undefined", exception.Log,
            StringComparison.Ordinal);
        Assert.StartsWith(
            "wrong.cu [FT_BF16=1 FT_C=128] does not compile with NVRTC ", exception.Message, StringComparison.Ordinal);
        Assert.Contains("NVRTC_ERROR_COMPILATION", exception.Message, StringComparison.Ordinal);
        Assert.Contains(exception.Log, exception.Message, StringComparison.Ordinal);
        Assert.Contains($"Options: --gpu-architecture={architecture} --std=c++17 ", exception.Message, StringComparison.Ordinal);
        Assert.Contains("--define-macro=FT_BF16=1 --define-macro=FT_C=128", exception.Message, StringComparison.Ordinal);
        Assert.Same(variant, exception.Variant);
        Assert.DoesNotContain(Environment.CurrentDirectory, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_instruction_that_the_architecture_lacks_is_an_error() => Assert.Contains(
        "wgmma",
        Assert.Throws<KernelCompileException>(() => Compiler.Compile(new("instruction.cu"), "sm_80")).Log,
        StringComparison.Ordinal);

    [Theory]
    [InlineData("sm_80")]
    [InlineData("compute_80")]
    public void A_warning_is_an_error_unless_it_is_allowed(string architecture)
    {
        KernelCompileException exception = Assert.Throws<KernelCompileException>(
            () => Compiler.Compile(new("warns.cu"), architecture));
        Assert.Contains("warnings are errors", exception.Message, StringComparison.Ordinal);
        Assert.Contains("kernels/warns.cu(3): warning", exception.Log, StringComparison.Ordinal);

        KernelBinary binary = new KernelCompiler(RealNvrtc.Get(), TestKernels.Sources) { AllowWarnings = true }
            .Compile(new("warns.cu"), architecture);
        Assert.True(KernelCompiler.HasWarning(binary.Log));
        Assert.NotEqual(0, binary.Image.Length);
    }

    [Theory]
    [InlineData("kernels/a.cu(3): warning #177-D: variable \"unused\" was declared", true)]
    [InlineData("ptxas info    : ok\nptxas warning : Registers are spilled to local memory", true)]
    [InlineData("ptxas a, line 3; warning : something", true)]
    [InlineData("nvrtc: warning: Architectures prior to '<compute/sm>_75' are deprecated", false)]
    [InlineData("ptxas info    : Compiling entry function 'warnings' for 'sm_80'", false)]
    [InlineData("", false)]
    public void Warnings_are_recognised(string log, bool warning) => Assert.Equal(warning, KernelCompiler.HasWarning(log));

    [Theory]
    [InlineData("sm_999")]
    [InlineData("compute_10")]
    [InlineData("sm_80 --relocatable-device-code=true")]
    [InlineData("ampere")]
    public void An_unknown_architecture_is_refused_with_those_known(string architecture)
    {
        ArgumentException exception = Assert.Throws<ArgumentException>(() => Compiler.Compile(TestKernels.Scale2, architecture));
        Assert.Contains($"does not know the architecture {architecture}: it knows", exception.Message, StringComparison.Ordinal);
        Assert.Contains("80, 86", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Threads_that_compile_at_once_get_what_one_alone_gets()
    {
        KernelCompiler compiler = Compiler;
        string[] architectures = ["sm_80", "sm_86", "sm_89", "sm_90", "compute_80"];
        (KernelVariant Variant, string Architecture)[] all =
        [
            .. Enumerable.Range(1, 4).Select(factor => new KernelVariant("scale.cu", $"FT_FACTOR={factor}"))
                .SelectMany(variant => architectures.Select(architecture => (variant, architecture))),
        ];
        byte[][] alone = [.. all.Select(item => compiler.Compile(item.Variant, item.Architecture).Image.ToArray())];
        byte[][] together = new byte[all.Length][];
        Parallel.For(0, all.Length, new ParallelOptions { MaxDegreeOfParallelism = 8 },
            i => together[i] = compiler.Compile(all[i].Variant, all[i].Architecture).Image.ToArray());
        Assert.Equal(alone, together);
    }

    private static string Ptx(KernelBinary binary)
    {
        Assert.Empty(binary.Figures);
        return Encoding.UTF8.GetString(binary.Image.Span);
    }
}
