using System.Runtime.InteropServices;
using FeatureTransform.Cuda.Tests.Abi;
using Xunit;

namespace FeatureTransform.Cuda.Tests;

public sealed class NvrtcTests
{
    [Fact]
    public void Every_function_is_bound_and_only_what_old_versions_lack_is_optional()
    {
        string folder = SharedFiles.Folder("cuda", "abi");
        string[] old = Names("nvrtc-12.4.json");
        string[] recent = Names("nvrtc-13.0.json");
        Dictionary<string, bool> bound = typeof(NvrtcApi).GetFields().Where(field => field.FieldType.IsFunctionPointer)
            .ToDictionary(field => field.Name, field => field.IsDefined(typeof(OptionalSymbolAttribute), inherit: false));

        Assert.Equal(recent.Order(), bound.Keys.Order());
        Assert.Equal(recent.Except(old).Order(), bound.Keys.Where(name => bound[name]).Order());

        string[] Names(string file) => [.. AbiFile.Read(Path.Combine(folder, file)).Functions.Keys];
    }

    [Fact]
    public void The_installed_one_says_what_it_is()
    {
        Nvrtc nvrtc = RealNvrtc.Get();
        Assert.True(nvrtc.Version >= new Version(12, 0));
        Assert.Equal($"NVRTC {nvrtc.Version}", nvrtc.ToString());
        Assert.Empty(new[] { 80, 86, 89, 90 }.Except(nvrtc.Architectures));
        Assert.Equal(nvrtc.Architectures.Order(), nvrtc.Architectures);
        if (nvrtc.Version == new Version(12, 4))
        {
            Assert.Equal([50, 52, 53, 60, 61, 62, 70, 72, 75, 80, 86, 87, 89, 90], nvrtc.Architectures);
        }
    }

    [Theory]
    [InlineData("8.0", false, "sm_80")]
    [InlineData("8.6", false, "sm_86")]
    [InlineData("9.0", false, "sm_90")]
    [InlineData("8.0", true, "compute_80")]
    [InlineData("8.6", true, "compute_86")]
    [InlineData("8.8", false, "compute_86")]
    [InlineData("10.0", false, "compute_90")]
    [InlineData("12.1", true, "compute_90")]
    public void The_target_is_the_device_or_the_newest_known_before_it(string capability, bool ptx, string target) =>
        Assert.Equal(target, new Nvrtc(new FakeNvrtc()).GetTarget(new Version(capability), ptx));

    [Fact]
    public void A_device_older_than_all_that_is_known_is_refused()
    {
        CudaException exception = Assert.Throws<CudaException>(() => new Nvrtc(new FakeNvrtc()).GetTarget(new Version(7, 5)));
        Assert.True(exception.IsUnavailable);
        Assert.Contains(
            "NVRTC 12.9 does not compile for sm_75; it knows 80, 86, 90", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_function_is_named()
    {
        CudaException exception = Assert.Throws<CudaException>(
            () => new Nvrtc(new FakeNvrtc { Hidden = "nvrtcGetCUBIN" }));
        Assert.True(exception.IsUnavailable);
        Assert.Contains("fake NVRTC: nvrtcGetCUBIN: ", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_function_of_newer_versions_may_be_missing() =>
        Assert.Equal(new Version(12, 9), new Nvrtc(new FakeNvrtc { Hidden = "nvrtcSetFlowCallback" }).Version);

    [Fact]
    public void A_failure_has_function_code_and_name()
    {
        CudaException exception = Assert.Throws<CudaException>(() => new Nvrtc(new FakeNvrtc { Failing = true }));
        Assert.Equal("nvrtcGetSupportedArchs", exception.Call);
        Assert.Equal((int)nvrtcResult.NVRTC_ERROR_INTERNAL_ERROR, exception.Code);
        Assert.Equal("NVRTC_ERROR_OF_FAKE", exception.CodeName);
        Assert.False(exception.IsUnavailable);
    }

    /// <summary>Says that it is 12.9 and knows 80, 86 and 90; compiles nothing.</summary>
    private sealed unsafe class FakeNvrtc : ISymbolSource
    {
        private static readonly nint ErrorName = Marshal.StringToCoTaskMemUTF8("NVRTC_ERROR_OF_FAKE");

        public string Name => "fake NVRTC";

        public string? Hidden { get; init; }

        public bool Failing { get; init; }

        public nint Find(string symbol) => symbol == Hidden ? 0 : symbol switch
        {
            "nvrtcVersion" => (nint)(delegate* unmanaged<int*, int*, nvrtcResult>)&Version,
            "nvrtcGetNumSupportedArchs" => (nint)(delegate* unmanaged<int*, nvrtcResult>)&Count,
            "nvrtcGetSupportedArchs" when Failing => (nint)(delegate* unmanaged<int*, nvrtcResult>)&Fail,
            "nvrtcGetSupportedArchs" => (nint)(delegate* unmanaged<int*, nvrtcResult>)&Architectures,
            "nvrtcGetErrorString" => (nint)(delegate* unmanaged<nvrtcResult, byte*>)&Text,
            _ => 1,
        };

        [UnmanagedCallersOnly]
        private static nvrtcResult Version(int* major, int* minor)
        {
            (*major, *minor) = (12, 9);
            return nvrtcResult.NVRTC_SUCCESS;
        }

        [UnmanagedCallersOnly]
        private static nvrtcResult Count(int* count)
        {
            *count = 3;
            return nvrtcResult.NVRTC_SUCCESS;
        }

        [UnmanagedCallersOnly]
        private static nvrtcResult Architectures(int* values)
        {
            (values[0], values[1], values[2]) = (90, 80, 86);
            return nvrtcResult.NVRTC_SUCCESS;
        }

        [UnmanagedCallersOnly]
        private static nvrtcResult Fail(int* values) => nvrtcResult.NVRTC_ERROR_INTERNAL_ERROR;

        [UnmanagedCallersOnly]
        private static byte* Text(nvrtcResult result) => (byte*)ErrorName;
    }
}
