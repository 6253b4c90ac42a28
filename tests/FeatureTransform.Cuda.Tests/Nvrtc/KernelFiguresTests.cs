using System.Globalization;
using System.Text.RegularExpressions;
using Xunit;

namespace FeatureTransform.Cuda.Tests;

public sealed partial class KernelFiguresTests
{
    /// <summary>Of versions 12.4 and, without stack in the last line and with barriers, 13.0.</summary>
    private const string Log = """
        ptxas info    : 24 bytes gmem, 8 bytes cmem[4]
        ptxas info    : Compiling entry function 'second' for 'sm_80'
        ptxas info    : Function properties for second
        ptxas         .     432 bytes stack frame, 12 bytes spill stores, 20 bytes spill loads
        ptxas info    : Used 38 registers, 440 bytes cumulative stack size, 368 bytes cmem[0], 16 bytes cmem[2]
        ptxas info    : Function properties for _Z3foof
        ptxas         .     8 bytes stack frame, 100 bytes spill stores, 200 bytes spill loads
        ptxas info    : Compiling entry function 'first' for 'sm_80'
        ptxas info    : Function properties for first
        ptxas         .     0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
        ptxas info    : Used 10 registers, used 1 barriers, 512 bytes smem, 372 bytes cmem[0]
        """;

    [Fact]
    public void A_log_is_read() => Assert.Equal(
        [new("second", 38, 112, 220, 0, 384, 440), new("first", 10, 0, 0, 512, 372, 0)], KernelFigures.Parse(Log));

    [Fact]
    public void A_log_without_kernels_has_no_figures() => Assert.Empty(KernelFigures.Parse("ptxas info    : 0 bytes gmem\n"));

    [Theory]
    [InlineData("scale.cu")]
    [InlineData("spills.cu")]
    [InlineData("calls.cu")]
    public void Figures_are_those_that_the_cubin_holds(string file)
    {
        using var folder = new TemporaryFolder();
        KernelBinary binary = RealNvrtc.Compiler(TestKernels.Sources).Compile(new(file, "FT_FACTOR=2"), "sm_80");
        string cubin = Path.Combine(folder.Path, "a.cubin");
        File.WriteAllBytes(cubin, binary.Image.Span);

        string usage = RealNvrtc.Run("cuobjdump", "--dump-resource-usage", cubin);
        Dictionary<string, int[]> expected = Usage().Matches(usage).ToDictionary(
            match => match.Groups["name"].Value,
            match => new[] { "reg", "stack", "shared", "constant" }
                .Select(group => int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture)).ToArray());
        Assert.NotEmpty(binary.Figures);
        Assert.All(binary.Figures, figures => Assert.Equal(
            expected[figures.Kernel],
            new[] { figures.Registers, figures.StackBytes, figures.SharedBytes, figures.ConstantBytes }));
        Assert.Equal(file == "spills.cu", binary.Figures.Any(figures => figures.SpillStoreBytes > 0));
        Assert.Equal(file == "spills.cu", binary.Figures.Any(figures => figures.SpillLoadBytes > 0));
    }

    [GeneratedRegex(@"Function (?<name>\w+):\s+REG:(?<reg>\d+) STACK:(?<stack>\d+) SHARED:(?<shared>\d+) LOCAL:\d+ "
        + @"CONSTANT\[0\]:(?<constant>\d+)")]
    private static partial Regex Usage();
}
