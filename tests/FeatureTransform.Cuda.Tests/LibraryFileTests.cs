using System.Diagnostics;
using System.Text;
using Xunit;

namespace FeatureTransform.Cuda.Tests;

public sealed class LibraryFileTests : IDisposable
{
    private const string Unset = "FEATURETRANSFORM_TESTS_UNSET";
    private const string Name = "libft-test.so.1";

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>In processes of their own: the loader reads its variable when a process starts.</summary>
    [Fact]
    public async Task The_file_that_is_found_is_the_one_that_the_loader_takes()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "elsewhere no file is found by a bare name");
        if (OtherProcess.Argument is { } expected)
        {
            string? found = LibraryFile.Find("libft-absent.so.2", Name);
            var loaded = new NativeLibrarySource("test", Unset, "libft-absent.so.2", Name);
            Assert.Equal(LibraryFile.Of(loaded.Find("SystemNative_GetPid")), found);
            Assert.Equal(expected, found);
            return;
        }
        string first = Folder("first"), second = Folder("second");
        await Start(Copy(second));
        await Start(Copy(first));

        Task Start(string expected) => OtherProcess.Start<LibraryFileTests>(
            expected, new() { ["LD_LIBRARY_PATH"] = $"{folder.Path}/absent:{first}:{second}" },
            nameof(The_file_that_is_found_is_the_one_that_the_loader_takes));
    }

    [Fact]
    public void A_path_is_itself_and_what_is_absent_is_not_found()
    {
        string file = Copy(folder.Path);
        Assert.Equal(file, LibraryFile.Find("/absent/libft-test.so.2", file));
        Assert.Null(LibraryFile.Find("/absent/libft-test.so.2", "libft-absent.so.2"));
    }

    [Fact]
    public void The_loaders_cache_is_read_as_ldconfig_reads_it()
    {
        const string ldconfig = "/sbin/ldconfig", cache = "/etc/ld.so.cache";
        Assert.SkipUnless(File.Exists(ldconfig) && File.Exists(cache), "there is no ldconfig");
        using Process process = Process.Start(new ProcessStartInfo(ldconfig, "-p") { RedirectStandardOutput = true })!;
        ILookup<string, string> expected = process.StandardOutput.ReadToEnd().Split('\n')
            .Where(line => line.Contains(" => ", StringComparison.Ordinal))
            .ToLookup(line => line.Trim().Split(' ')[0], line => line.Split(" => ")[1]);
        Assert.NotEmpty(expected);

        byte[] bytes = File.ReadAllBytes(cache);
        Assert.All(expected, name => Assert.Equal(name, LibraryFile.FindInLoaderCache(bytes, name.Key)));
        Assert.Empty(LibraryFile.FindInLoaderCache(bytes, "libft-absent.so.2"));
        string any = expected.First().Key;
        Assert.Empty(LibraryFile.FindInLoaderCache(bytes, any[..^1]));
        for (int length = 0; length < bytes.Length; length += 97) // cut anywhere, it is no reason to fail
        {
            LibraryFile.FindInLoaderCache(bytes.AsSpan(0, length), any);
        }
        Assert.Empty(LibraryFile.FindInLoaderCache(Encoding.ASCII.GetBytes("ld.so-1.7.0".PadRight(1000, '\0')), any));
    }

    [Fact]
    public void A_file_that_was_changed_or_replaced_is_another()
    {
        string file = Copy(folder.Path), link = Path.Combine(folder.Path, "link");
        File.CreateSymbolicLink(link, file);
        DateTime time = File.GetLastWriteTimeUtc(file);
        string original = LibraryFile.Identify(file)!;
        Assert.Equal(original, LibraryFile.Identify(link));

        File.SetLastWriteTimeUtc(file, time.AddSeconds(1));
        Assert.NotEqual(original, LibraryFile.Identify(file));
        Change(bytes => bytes[100] ^= 1);
        Assert.NotEqual(original, LibraryFile.Identify(file));
        Change(bytes => bytes[100] ^= 1);
        Assert.Equal(original, LibraryFile.Identify(file));
        File.AppendAllText(file, "x");
        File.SetLastWriteTimeUtc(file, time);
        Assert.NotEqual(original, LibraryFile.Identify(link));
        File.Delete(file);
        Assert.Null(LibraryFile.Identify(link));

        void Change(Action<byte[]> change)
        {
            byte[] bytes = File.ReadAllBytes(file);
            change(bytes);
            File.WriteAllBytes(file, bytes);
            File.SetLastWriteTimeUtc(file, time);
        }
    }

    [Fact]
    public unsafe void A_function_that_was_compiled_here_is_in_no_file()
    {
        Assert.Null(LibraryFile.Of((nint)(delegate* unmanaged<int>)&One));

        [System.Runtime.InteropServices.UnmanagedCallersOnly]
        static int One() => 1;
    }

    private string Folder(string name) => Directory.CreateDirectory(Path.Combine(folder.Path, name)).FullName;

    /// <summary>A copy of a library that every runtime has.</summary>
    private static string Copy(string folder)
    {
        string runtime = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        string copy = Path.Combine(folder, Name);
        File.Copy(Directory.GetFiles(runtime, "*System.Native.*")[0], copy);
        return copy;
    }
}
