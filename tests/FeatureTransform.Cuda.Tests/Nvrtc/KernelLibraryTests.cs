using FeatureTransform.Cuda.Tests.Fake;
using Xunit;

namespace FeatureTransform.Cuda.Tests;

public sealed class KernelLibraryTests : IDisposable
{
    private readonly FakeDriver fake = new();
    private readonly TemporaryFolder folder = new();
    private readonly List<string> reports = [];

    public void Dispose()
    {
        Assert.Empty(fake.Errors);
        folder.Dispose();
    }

    [Fact]
    public void A_variant_is_loaded_once_and_unloaded_in_the_end()
    {
        using CudaContext context = new(new CudaDriver(fake).Devices[0]);
        var library = new KernelLibrary(context, TestKernels.Sources, RealNvrtc.Get(), new KernelCache(folder.Path));
        library.Load(TestKernels.Scale2, TestKernels.Scale3, new KernelVariant("scale.cu", "FT_FACTOR=2"));
        Assert.Equal(2, fake.CallsOf("cuModuleLoadDataEx"));
        CudaModule module = library.GetModule(TestKernels.Scale2);
        Assert.Same(module, library.GetKernel(new("scale.cu", "FT_FACTOR=2"), "scale").Module);
        Assert.NotSame(module, library.GetModule(TestKernels.Scale3));
        Assert.Equal(2, fake.CallsOf("cuModuleLoadDataEx"));
        library.GetModule(new("calls.cu"));
        Assert.Equal(3, fake.CallsOf("cuModuleLoadDataEx"));
        library.Dispose();
        Assert.Equal(["module", "module", "module"], fake.Destroyed);
    }

    [Fact]
    public void It_describes_what_is_loaded()
    {
        using CudaContext context = new(new CudaDriver(fake).Devices[0]);
        using var library = new KernelLibrary(context, TestKernels.Sources, RealNvrtc.Get());
        library.Load(TestKernels.Scale2);
        string[] lines = library.Describe().Split('\n');
        Assert.Equal(3, lines.Length); // two kernels
        const string expected = @"^(scale|nothing) FT_FACTOR=2 +sm_86 +\d+ +0 +0 +\d+ +\d+ +0 +NVRTC, \d+ ms$";
        Assert.All(lines[1..], line => Assert.Matches(expected, line));
    }

    /// <summary>The fake driver's attributes: 100 and the attribute's number.</summary>
    [Fact]
    public void Of_PTX_it_describes_what_the_driver_made()
    {
        using CudaContext context = new(new CudaDriver(fake).Devices[0]);
        using var library = new KernelLibrary(context, TestKernels.Sources, RealNvrtc.Get(), ptx: true);
        library.Load(TestKernels.Scale2);
        string[] lines = library.Describe().Split('\n');
        Assert.Equal(3, lines.Length);
        const string expected = @"^(scale|nothing) FT_FACTOR=2 +compute_86 +104 +- +- +101 +- +103 +NVRTC, \d+ ms$";
        Assert.All(lines[1..], line => Assert.Matches(expected, line));
    }

    [Fact]
    public void Threads_that_ask_at_once_get_the_same_module()
    {
        using CudaContext context = new(new CudaDriver(fake).Devices[0]);
        using var library = new KernelLibrary(context, TestKernels.Sources, RealNvrtc.Get());
        var modules = new CudaModule[8];
        Parallel.For(0, modules.Length, i => modules[i] = library.GetModule(TestKernels.Scale2));
        Assert.All(modules, module => Assert.Same(modules[0], module));
    }

    [Fact]
    public void What_does_not_compile_can_be_asked_for_again_and_leaves_others_alone()
    {
        using CudaContext context = new(new CudaDriver(fake).Devices[0]);
        using var library = new KernelLibrary(context, TestKernels.Sources, RealNvrtc.Get());
        Assert.Throws<KernelCompileException>(() => library.GetModule(new("wrong.cu")));
        Assert.Throws<KernelCompileException>(() => library.GetModule(new("wrong.cu")));
        Assert.NotNull(library.GetModule(TestKernels.Scale2));
    }

    /// <summary>In a process of its own, whose variables name an NVRTC that is not there.</summary>
    [Fact]
    public async Task Where_NVRTC_is_missing_the_checked_in_PTX_is_loaded_and_the_reason_reported()
    {
        if (OtherProcess.Argument is null)
        {
            await OtherProcess.Start<KernelLibraryTests>("", new() { ["FEATURETRANSFORM_NVRTC"] = "/absent/libnvrtc.so.12" });
            return;
        }
        using CudaContext context = new(new CudaDriver(fake).Devices[0]);
        using KernelLibrary library = KernelLibrary.Open(context, TestKernels.WithPtx(TestKernels.Scale2), report: reports.Add);
        library.GetModule(TestKernels.Scale2);
        Assert.Contains("/absent/libnvrtc.so.12", Assert.Single(reports), StringComparison.Ordinal);
        CudaException exception = Assert.Throws<CudaException>(() => library.GetModule(TestKernels.Scale3));
        Assert.True(exception.IsUnavailable);
        Assert.Contains("/absent/libnvrtc.so.12", exception.Message, StringComparison.Ordinal);
    }

    /// <summary>In a process of its own, whose variable names the cache.</summary>
    [Fact]
    public async Task The_cache_is_the_folder_that_the_variable_names()
    {
        if (OtherProcess.Argument is null)
        {
            await OtherProcess.Start<KernelLibraryTests>("", new()
            {
                [KernelCache.FolderVariable] = folder.Path,
                ["FEATURETRANSFORM_NVRTC"] = RealNvrtc.Get().Name,
            });
            Assert.Single(Directory.GetFiles(folder.Path, "*.kernel"));
            return;
        }
        Assert.Equal(Environment.GetEnvironmentVariable(KernelCache.FolderVariable), KernelCache.Open().Folder);
        using CudaContext context = new(new CudaDriver(fake).Devices[0]);
        using KernelLibrary library = KernelLibrary.Open(context, TestKernels.Sources, report: reports.Add);
        library.GetModule(TestKernels.Scale2);
        Assert.Empty(reports);
    }

    /// <summary>In processes of their own, with two of the variables that say where a user keeps caches.</summary>
    [Fact]
    public async Task The_cache_is_in_the_users_folder()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows says where the user's data lie");
        if (OtherProcess.Argument is { } expected)
        {
            Assert.Equal(expected, KernelCache.Open(reports.Add).Folder);
            Assert.Empty(reports);
            return;
        }
        await Start("XDG_CACHE_HOME", Path.Combine(folder.Path, "FeatureTransform", "kernels"));
        await Start("HOME", Path.Combine(folder.Path, ".cache", "FeatureTransform", "kernels"));

        Task Start(string variable, string cache) => OtherProcess.Start<KernelLibraryTests>(cache, new()
        {
            [KernelCache.FolderVariable] = "",
            ["XDG_CACHE_HOME"] = "",
            [variable] = folder.Path,
        }, nameof(The_cache_is_in_the_users_folder));
    }
}
