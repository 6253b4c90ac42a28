using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;

namespace FeatureTransform.Cuda;

/// <summary>
/// Compiled kernels, and cuDNN's plans, in a folder, so that the next run need not make them. Entries are written under another name and then
/// renamed, and each carries a checksum: a reader, also of another process, finds all of an entry or none of it. Those unused for
/// the longest time are removed where the folder grows beyond its capacity. A folder that cannot be used is no error: it is
/// reported once, and nothing is cached. Safe for use by any thread and any number of processes.
/// </summary>
public sealed class KernelCache
{
    /// <summary>The environment variable that names the folder in place of the user's own.</summary>
    public const string FolderVariable = "FEATURETRANSFORM_CACHE";

    /// <summary>The capacity where none is given: 256 MiB.</summary>
    public const long DefaultCapacity = 256L << 20;

    private const string Extension = ".kernel";
    private const string TemporaryExtension = ".tmp";
    private const int HashBytes = 8;

    // The layout of an entry: this, XxHash64 of the rest, then key, architecture, log, image.
    private static readonly byte[] Magic = "FTKERNL3"u8.ToArray();
    private static readonly TimeSpan AbandonedAfter = TimeSpan.FromHours(1);

    private readonly string? folder;
    private readonly long capacity;
    private readonly Action<string>? report;
    private int reported;

    /// <summary>A cache in a folder, which is created when something is stored.</summary>
    /// <param name="folder">The folder; nothing else should lie in it.</param>
    /// <param name="capacity">The most bytes that it may hold.</param>
    /// <param name="report">Is told, once, why nothing can be cached.</param>
    public KernelCache(string folder, long capacity = DefaultCapacity, Action<string>? report = null)
        : this(capacity, report)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        this.folder = Path.GetFullPath(folder);
    }

    private KernelCache(long capacity, Action<string>? report) => (this.capacity, this.report) = (capacity, report);

    /// <summary>
    /// The user's cache: the folder that FEATURETRANSFORM_CACHE names, or FeatureTransform/kernels in XDG_CACHE_HOME, ~/.cache
    /// or, on Windows, the local application data.
    /// </summary>
    public static KernelCache Open(Action<string>? report = null)
    {
        if (Environment.GetEnvironmentVariable(FolderVariable) is { Length: > 0 } given)
        {
            return new KernelCache(given, report: report);
        }
        if (UserFolder() is { } user)
        {
            return new KernelCache(Path.Combine(user, "FeatureTransform", "kernels"), report: report);
        }
        var none = new KernelCache(DefaultCapacity, report);
        none.ReportOnce($"This user has no folder for caches; {FolderVariable} may name one.");
        return none;
    }

    /// <summary>The folder; null where the user has none, and nothing is cached.</summary>
    public string? Folder => folder;

    /// <summary>Finds what was stored under a key.</summary>
    /// <returns>Null where there is no such entry, or it is damaged.</returns>
    public KernelBinary? Find(string key)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        if (folder is null)
        {
            return null;
        }
        string path = PathOf(key);
        try
        {
            KernelBinary? binary = Read(File.ReadAllBytes(path), key);
            if (binary is not null)
            {
                Touch(path);
            }
            return binary;
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            ReportOnce($"The kernel cache {folder} cannot be read: {exception.Message}");
            return null;
        }
    }

    /// <summary>Stores under a key, in place of what was there.</summary>
    public void Store(string key, KernelBinary binary)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        ArgumentNullException.ThrowIfNull(binary);
        if (folder is null)
        {
            return;
        }
        string path = PathOf(key);
        string temporary = $"{path}.{Guid.NewGuid():N}{TemporaryExtension}";
        try
        {
            CreateFolder(folder);
            File.WriteAllBytes(temporary, Write(key, binary));
            File.Move(temporary, path, overwrite: true);
            Evict(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            TryDelete(temporary);
            ReportOnce($"The kernel cache {folder} cannot be written: {exception.Message} "
                + $"Kernels are compiled anew in each run; {FolderVariable} may name another folder.");
        }
    }

    internal string PathOf(string key) => Path.Combine(folder!, key + Extension);

    /// <summary>Removes the entries unused for the longest time, except for one, until the others fit.</summary>
    private void Evict(string kept)
    {
        var entries = new List<FileInfo>();
        foreach (FileInfo file in new DirectoryInfo(folder!).EnumerateFiles())
        {
            if (file.Extension == Extension)
            {
                entries.Add(file);
            }
            else if (file.Extension == TemporaryExtension && DateTime.UtcNow - file.LastWriteTimeUtc > AbandonedAfter)
            {
                TryDelete(file.FullName); // of a process that was killed
            }
        }
        long total = entries.Sum(Length);
        foreach (FileInfo entry in entries.OrderBy(entry => entry.LastWriteTimeUtc).Where(entry => entry.FullName != kept))
        {
            if (total <= capacity)
            {
                break;
            }
            total -= Length(entry);
            TryDelete(entry.FullName);
        }
    }

    private static long Length(FileInfo file)
    {
        try
        {
            return file.Length;
        }
        catch (FileNotFoundException)
        {
            return 0; // another process has just removed it
        }
    }

    private static byte[] Write(string key, KernelBinary binary)
    {
        using var payload = new MemoryStream();
        using (var writer = new BinaryWriter(payload, Encoding.UTF8, leaveOpen: true))
        {
            writer.Write(key);
            writer.Write(binary.Architecture);
            writer.Write(binary.Log);
            writer.Write(binary.Image.Length);
            writer.Write(binary.Image.Span);
        }
        ReadOnlySpan<byte> bytes = payload.GetBuffer().AsSpan(0, (int)payload.Length);
        return [.. Magic, .. XxHash64.Hash(bytes), .. bytes];
    }

    private static KernelBinary? Read(byte[] entry, string key)
    {
        int start = Magic.Length + HashBytes;
        if (entry.Length < start
            || !entry.AsSpan(0, Magic.Length).SequenceEqual(Magic)
            || XxHash64.HashToUInt64(entry.AsSpan(start)) != BinaryPrimitives.ReadUInt64BigEndian(entry.AsSpan(Magic.Length)))
        {
            return null;
        }
        using var payload = new MemoryStream(entry, start, entry.Length - start);
        using var reader = new BinaryReader(payload, Encoding.UTF8);
        if (reader.ReadString() != key)
        {
            return null;
        }
        (string architecture, string log) = (reader.ReadString(), reader.ReadString());
        int length = reader.ReadInt32();
        return new KernelBinary(architecture, entry.AsMemory(start + (int)payload.Position, length), log);
    }

    private static void CreateFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
        }
        else
        {
            // What lies here is run on the device: only the user may write it.
            Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    private static string? UserFolder()
    {
        if (OperatingSystem.IsWindows())
        {
            return NotEmpty(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData));
        }
        if (Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { } cache && Path.IsPathRooted(cache))
        {
            return cache;
        }
        return NotEmpty(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile)) is { } home
            ? Path.Combine(home, ".cache")
            : null;
    }

    private static string? NotEmpty(string path) => path.Length == 0 ? null : path;

    /// <summary>Notes the use of an entry for <see cref="Evict"/>; in a folder that may only be read there is none.</summary>
    private static void Touch(string path)
    {
        try
        {
            File.SetLastWriteTimeUtc(path, DateTime.UtcNow);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
        }
    }

    /// <summary>Another process may use the file, or have removed it.</summary>
    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
        }
    }

    private void ReportOnce(string problem)
    {
        if (Interlocked.Exchange(ref reported, 1) == 0)
        {
            report?.Invoke(problem);
        }
    }
}
