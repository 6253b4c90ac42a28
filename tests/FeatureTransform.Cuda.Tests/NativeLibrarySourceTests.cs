using Xunit;

namespace FeatureTransform.Cuda.Tests;

public sealed class NativeLibrarySourceTests
{
    private const string Unset = "FEATURETRANSFORM_TESTS_UNSET";

    private static string SystemLibrary => OperatingSystem.IsWindows() ? "kernel32.dll" : "libc.so.6";

    [Fact]
    public void A_missing_library_says_what_was_tried()
    {
        CudaException exception = Assert.Throws<CudaException>(
            () => new NativeLibrarySource("the library", Unset, "libnothing.so.2", "libnothing.so.1"));
        Assert.True(exception.IsUnavailable);
        Assert.False(exception.IsSticky);
        Assert.Equal(("the library", "", 0), (exception.Library, exception.Call, exception.Code));
        Assert.StartsWith("the library: it cannot be loaded", exception.Message, StringComparison.Ordinal);
        Assert.Contains("\n  libnothing.so.2: ", exception.Message, StringComparison.Ordinal);
        Assert.Contains("\n  libnothing.so.1: ", exception.Message, StringComparison.Ordinal);
        Assert.Contains(Unset, exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("strace", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_first_name_that_loads_is_taken()
    {
        var source = new NativeLibrarySource("C", Unset, "libnothing.so.2", SystemLibrary);
        Assert.Equal(SystemLibrary, source.Name);
        Assert.NotEqual(0, source.Find(OperatingSystem.IsWindows() ? "GetProcAddress" : "malloc"));
        Assert.Equal(0, source.Find("cuMalloc"));
    }

    [Fact]
    public void A_variable_names_the_only_path_tried()
    {
        const string Variable = "FEATURETRANSFORM_TESTS_ONLY_PATH";
        Environment.SetEnvironmentVariable(Variable, "/nowhere/libnothing.so");
        CudaException exception = Assert.Throws<CudaException>(() => new NativeLibrarySource("C", Variable, SystemLibrary));
        Assert.Contains(Variable + " names the only path tried", exception.Message, StringComparison.Ordinal);
        Assert.Contains("\n  /nowhere/libnothing.so: ", exception.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(SystemLibrary, exception.Message, StringComparison.Ordinal);

        Environment.SetEnvironmentVariable(Variable, SystemLibrary);
        Assert.Equal(SystemLibrary, new NativeLibrarySource("C", Variable, "libnothing.so.1").Name);
    }

    [Fact]
    public void A_file_that_is_no_library_says_why()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, "no library");
            CudaException exception = Assert.Throws<CudaException>(() => new NativeLibrarySource("C", Unset, path));
            Assert.Contains(path, exception.Message, StringComparison.Ordinal);
            if (OperatingSystem.IsLinux())
            {
                Assert.Contains("file too short", exception.Message, StringComparison.Ordinal);
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_library_that_no_system_has_says_so() => Assert.Contains(
        "does not exist for this operating system",
        Assert.Throws<CudaException>(() => new NativeLibrarySource("C", Unset)).Message,
        StringComparison.Ordinal);
}
