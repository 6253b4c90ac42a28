using System.Diagnostics;
using Xunit;

namespace FeatureTransform.Cuda.Tests;

public sealed class KernelCacheTests
{
    [Fact]
    public void What_was_stored_is_found()
    {
        using var folder = new TemporaryFolder();
        KernelBinary binary = Binary(1, 1000);
        new KernelCache(folder.Path).Store("a", binary);
        var another = new KernelCache(folder.Path);
        AssertSame(binary, another.Find("a"));
        Assert.Null(another.Find("b"));
    }

    [Fact]
    public void Storing_again_replaces_and_leaves_no_other_file()
    {
        using var folder = new TemporaryFolder();
        var cache = new KernelCache(folder.Path);
        cache.Store("a", Binary(1, 1000));
        cache.Store("a", Binary(2, 10));
        AssertSame(Binary(2, 10), cache.Find("a"));
        Assert.Equal([cache.PathOf("a")], Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void A_folder_is_made_for_the_user_alone()
    {
        using var folder = new TemporaryFolder();
        string inner = Path.Combine(folder.Path, "x", "y");
        var cache = new KernelCache(inner);
        Assert.Null(cache.Find("a"));
        Assert.False(Directory.Exists(inner));
        cache.Store("a", Binary(1, 10));
        AssertSame(Binary(1, 10), cache.Find("a"));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(inner));
        }
    }

    [Fact]
    public void An_entry_that_is_cut_anywhere_is_not_found()
    {
        using var folder = new TemporaryFolder();
        var cache = new KernelCache(folder.Path);
        cache.Store("a", Binary(1, 100));
        byte[] whole = File.ReadAllBytes(cache.PathOf("a"));
        for (int length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(cache.PathOf("a"), whole[..length]);
            Assert.Null(cache.Find("a"));
        }
        File.WriteAllBytes(cache.PathOf("a"), [.. whole, 0]);
        Assert.Null(cache.Find("a"));
        File.WriteAllBytes(cache.PathOf("a"), whole);
        Assert.NotNull(cache.Find("a"));
    }

    [Fact]
    public void An_entry_with_any_changed_byte_is_not_found_and_can_be_stored_anew()
    {
        using var folder = new TemporaryFolder();
        var cache = new KernelCache(folder.Path);
        cache.Store("a", Binary(1, 100));
        byte[] whole = File.ReadAllBytes(cache.PathOf("a"));
        for (int i = 0; i < whole.Length; i++)
        {
            byte[] damaged = [.. whole];
            damaged[i] ^= 0x10;
            File.WriteAllBytes(cache.PathOf("a"), damaged);
            Assert.Null(cache.Find("a"));
        }
        cache.Store("a", Binary(1, 100));
        AssertSame(Binary(1, 100), cache.Find("a"));
    }

    [Fact]
    public void An_entry_of_another_key_is_not_found()
    {
        using var folder = new TemporaryFolder();
        var cache = new KernelCache(folder.Path);
        cache.Store("a", Binary(1, 100));
        File.Move(cache.PathOf("a"), cache.PathOf("b"));
        Assert.Null(cache.Find("b"));
    }

    [Fact]
    public void The_entries_unused_for_the_longest_time_are_removed()
    {
        using var folder = new TemporaryFolder();
        var cache = new KernelCache(folder.Path, capacity: 3500);
        foreach ((string key, int age) in new[] { ("old", 30), ("used", 20), ("recent", 10) })
        {
            cache.Store(key, Binary(1, 1000));
            File.SetLastWriteTimeUtc(cache.PathOf(key), DateTime.UtcNow - TimeSpan.FromDays(age));
        }
        Assert.NotNull(cache.Find("used"));
        Assert.True(DateTime.UtcNow - File.GetLastWriteTimeUtc(cache.PathOf("used")) < TimeSpan.FromDays(1));
        File.SetLastWriteTimeUtc(cache.PathOf("used"), DateTime.UtcNow - TimeSpan.FromDays(1));
        cache.Store("new", Binary(1, 1000));
        Assert.Equal(["new", "recent", "used"], Keys());
        cache.Store("large", Binary(1, 2200));
        Assert.Equal(["large", "new"], Keys());
        cache.Store("too large", Binary(1, 9000)); // what has just been stored stays
        Assert.Equal(["too large"], Keys());

        IEnumerable<string?> Keys() => Directory.GetFiles(folder.Path).Select(Path.GetFileNameWithoutExtension).Order();
    }

    [Fact]
    public void What_a_killed_process_left_is_removed_and_what_another_writes_is_not()
    {
        using var folder = new TemporaryFolder();
        string left = Path.Combine(folder.Path, "left.tmp"), written = Path.Combine(folder.Path, "written.tmp");
        File.WriteAllText(left, "");
        File.WriteAllText(written, "");
        File.SetLastWriteTimeUtc(left, DateTime.UtcNow - TimeSpan.FromDays(1));
        new KernelCache(folder.Path).Store("a", Binary(1, 1));
        Assert.False(File.Exists(left));
        Assert.True(File.Exists(written));
    }

    [Fact]
    public void A_place_that_cannot_be_written_is_reported_once_and_is_no_error()
    {
        using var folder = new TemporaryFolder();
        string file = Path.Combine(folder.Path, "file");
        File.WriteAllText(file, "");
        var reports = new List<string>();
        var cache = new KernelCache(Path.Combine(file, "below"), report: reports.Add); // fails for root too
        for (int i = 0; i < 2; i++)
        {
            Assert.Null(cache.Find("a"));
            cache.Store("a", Binary(1, 1));
        }
        Assert.Contains(KernelCache.FolderVariable, Assert.Single(reports), StringComparison.Ordinal);
        Assert.Contains("cannot be written", reports[0], StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_that_may_only_be_read_is_read()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess, "permissions do not bind this user");
        using var folder = new TemporaryFolder();
        var reports = new List<string>();
        var cache = new KernelCache(folder.Path, report: reports.Add);
        cache.Store("a", Binary(1, 1));
        SetMode(UnixFileMode.UserRead | UnixFileMode.UserExecute);
        try
        {
            AssertSame(Binary(1, 1), cache.Find("a"));
            Assert.Empty(reports);
            cache.Store("b", Binary(2, 1));
            Assert.Single(reports);
            Assert.Null(cache.Find("b"));
        }
        finally
        {
            SetMode(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        void SetMode(UnixFileMode mode)
        {
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(folder.Path, mode);
            }
        }
    }

    /// <summary>The capacity is too small for all keys, so that each process also removes what the other reads.</summary>
    [Fact]
    public async Task Two_processes_find_what_was_stored_or_nothing()
    {
        if (OtherProcess.Argument is { } shared)
        {
            StoreAndFind(shared);
            return;
        }
        using var folder = new TemporaryFolder();
        Task other = OtherProcess.Start<KernelCacheTests>(folder.Path);
        StoreAndFind(folder.Path);
        await other;
        Assert.Empty(Directory.GetFiles(folder.Path, "*.tmp"));
    }

    /// <summary>Begins once both processes have come here.</summary>
    private static void StoreAndFind(string folder)
    {
        string mine = Environment.ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture);
        File.WriteAllText(Path.Combine(folder, mine + ".started"), "");
        var waited = Stopwatch.StartNew();
        while (Directory.GetFiles(folder, "*.started").Length < 2 && waited.Elapsed < TimeSpan.FromMinutes(1))
        {
            Thread.Yield();
        }
        Assert.Equal(2, Directory.GetFiles(folder, "*.started").Length);
        var reports = new List<string>();
        var cache = new KernelCache(folder, capacity: 60_000, reports.Add);
        int found = 0;
        Parallel.For(0, 2000, round =>
        {
            int key = round % 10;
            KernelBinary expected = Binary(key, 1000 * (key + 1));
            if (round % 3 == 0)
            {
                cache.Store($"key{key}", expected);
            }
            else if (cache.Find($"key{key}") is { } binary)
            {
                Interlocked.Increment(ref found);
                AssertSame(expected, binary);
            }
        });
        Assert.Empty(reports);
        Assert.NotEqual(0, found);
    }

    /// <summary>An image of pseudo-random bytes, the same for the same seed.</summary>
    private static KernelBinary Binary(int seed, int bytes)
    {
        byte[] image = new byte[bytes];
        new Random(seed).NextBytes(image);
        return new KernelBinary("sm_80", image, $"the log of {seed}: µ\n");
    }

    private static void AssertSame(KernelBinary expected, KernelBinary? actual)
    {
        Assert.NotNull(actual);
        Assert.Equal(expected.Architecture, actual.Architecture);
        Assert.Equal(expected.Log, actual.Log);
        Assert.True(expected.Image.Span.SequenceEqual(actual.Image.Span));
    }
}
