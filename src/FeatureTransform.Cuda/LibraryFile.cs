using System.Buffers.Binary;
using System.Diagnostics;
using System.IO.Hashing;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace FeatureTransform.Cuda;

/// <summary>
/// The file of a native library: which one the system's loader would take, without loading it, and what tells it from other
/// versions.
/// </summary>
internal static class LibraryFile
{
    private const string LoaderCache = "/etc/ld.so.cache";
    private const int HeadBytes = 4096;

    /// <summary>
    /// The file that the loader would take, of several names the first that it finds: of a path, the path; of a bare name, on
    /// Linux, what lies in a folder of LD_LIBRARY_PATH, else what ldconfig has found.
    /// </summary>
    /// <returns>Null where there is none, or where only the loader can tell.</returns>
    public static string? Find(params ReadOnlySpan<string> names)
    {
        string folders = Environment.GetEnvironmentVariable("LD_LIBRARY_PATH") ?? "";
        bool canTell = OperatingSystem.IsLinux() && !folders.Contains('$'); // as in $ORIGIN
        foreach (string name in names)
        {
            string[] files = Path.IsPathRooted(name) ? FindInFolders("/", name) : canTell ? FindByName(folders, name) : [];
            if (files.Length > 0)
            {
                return files.Length == 1 ? files[0] : null;
            }
        }
        return null;
    }

    /// <summary>
    /// What changes when another version is put in the file's place: bytes, the time of the last change, and a hash of the first
    /// bytes, where the headers say how the rest is laid out.
    /// </summary>
    /// <returns>Null where there is no file that can be read.</returns>
    public static string? Identify(string path)
    {
        try
        {
            using SafeFileHandle file = File.OpenHandle(path);
            byte[] head = new byte[HeadBytes];
            int read = RandomAccess.Read(file, head, fileOffset: 0);
            ulong hash = XxHash64.HashToUInt64(head.AsSpan(0, read));
            return $"{RandomAccess.GetLength(file)} bytes of {File.GetLastWriteTimeUtc(file).Ticks}, {hash:x16}";
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The file, without links, from which a function was loaded; null where its address is in none that is still there.</summary>
    public static string? Of(nint function)
    {
        using Process process = Process.GetCurrentProcess();
        foreach (ProcessModule module in process.Modules)
        {
            if (function - module.BaseAddress >= 0 && function - module.BaseAddress < module.ModuleMemorySize)
            {
                return File.Exists(module.FileName) ? module.FileName : null;
            }
        }
        return null;
    }

    /// <summary>
    /// Paths under a name in the loader's cache, whose layout is that of glibc 2.2 and later: a header of 48 bytes with the number
    /// of entries after 20; entries of 24 bytes with the offsets of name and path after 4 and 8. None of another layout.
    /// </summary>
    public static string[] FindInLoaderCache(ReadOnlySpan<byte> cache, string name)
    {
        const int header = 48, count = 20, entry = 24;
        byte[] wanted = Encoding.UTF8.GetBytes(name);
        if (cache.Length < header || !cache.StartsWith("glibc-ld.so.cache1.1"u8) || cache.IndexOf(wanted) < 0)
        {
            return [];
        }
        int entries = Math.Min(Int(cache, count), (cache.Length - header) / entry);
        var found = new List<string>();
        for (int i = 0; i < entries; i++)
        {
            ReadOnlySpan<byte> offsets = cache[(header + (i * entry))..];
            if (Text(cache, Int(offsets, 4)).SequenceEqual(wanted))
            {
                found.Add(Encoding.UTF8.GetString(Text(cache, Int(offsets, 8))));
            }
        }
        return [.. found];
    }

    private static int Int(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadInt32LittleEndian(bytes[offset..]);

    /// <summary>The text from an offset to the next zero; nothing where there is none.</summary>
    private static ReadOnlySpan<byte> Text(ReadOnlySpan<byte> bytes, int offset)
    {
        ReadOnlySpan<byte> rest = offset >= 0 && offset < bytes.Length ? bytes[offset..] : [];
        return rest[..Math.Max(0, rest.IndexOf((byte)0))];
    }

    private static string[] FindByName(string folders, string name)
    {
        if (folders.Length > 0 && FindInFolders(folders, name) is { Length: > 0 } file)
        {
            return file;
        }
        try
        {
            return FindInLoaderCache(File.ReadAllBytes(LoaderCache), name);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    /// <summary>The first file; an empty folder is the working directory.</summary>
    private static string[] FindInFolders(string folders, string name)
    {
        foreach (string folder in folders.Split(':', ';'))
        {
            string path = Path.Combine(folder, name);
            if (File.Exists(path))
            {
                return [path];
            }
        }
        return [];
    }
}
