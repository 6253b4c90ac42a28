using System.Formats.Tar;
using System.IO.Compression;
using System.IO.Enumeration;

namespace FeatureTransform.Training.Data;

/// <summary>Lists the files of a folder or of a tar archive, in ordinal order of their paths.</summary>
internal static class SourceFiles
{
    /// <summary>A compressed archive cannot be read at random, so its files are kept in memory: at most this many bytes of them.</summary>
    private const long MaximumUnpacked = 4L << 30;

    /// <summary>Opens a folder, or an archive whose name ends in .tar, .tar.gz or .tgz.</summary>
    /// <exception cref="InvalidInputException">There is no such source, it is no archive, or it ends too early.</exception>
    public static IReadOnlyList<SourceFile> List(string source)
    {
        try
        {
            List<SourceFile> files =
                Directory.Exists(source) ? OfFolder(source)
                : !File.Exists(source) ? throw new InvalidInputException(
                    $"There is no folder or archive {source}; expected a folder of images, a .tar, .tar.gz or .tgz of one, or '{ImageSource.Synthetic}'.")
                : IsCompressed(source) ? OfCompressedArchive(source)
                : source.EndsWith(".tar", StringComparison.OrdinalIgnoreCase) ? OfArchive(source)
                : throw new InvalidInputException($"{source} is a file of another kind; expected a folder, or an archive .tar, .tar.gz or .tgz.");
            files.Sort((a, b) => string.CompareOrdinal(a.Path, b.Path));
            return files;
        }
        catch (EndOfStreamException error)
        {
            throw new InvalidInputException($"{source} is cut short; expected a whole archive: fetch or write it again.", error);
        }
        catch (InvalidDataException error)
        {
            throw new InvalidInputException($"{source} is cut short or damaged ({error.Message}); fetch or write it again.", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"{source} cannot be read: {error.Message}", error);
        }
    }

    private static bool IsCompressed(string source) =>
        source.EndsWith(".tar.gz", StringComparison.OrdinalIgnoreCase) || source.EndsWith(".tgz", StringComparison.OrdinalIgnoreCase);

    private static List<SourceFile> OfFolder(string folder)
    {
        string root = Path.GetFullPath(folder);
        var enumeration = new FileSystemEnumerable<SourceFile>(
            root,
            (ref FileSystemEntry entry) => SourceFile.InFolder(
                folder, Path.GetRelativePath(root, entry.ToFullPath()).Replace('\\', '/'), entry.Length),
            new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.Hidden | FileAttributes.System, IgnoreInaccessible = false })
        {
            ShouldIncludePredicate = (ref FileSystemEntry entry) => !entry.IsDirectory,
        };
        return [.. enumeration];
    }

    private static List<SourceFile> OfArchive(string archive)
    {
        var files = new List<SourceFile>();
        using FileStream stream = File.OpenRead(archive);
        using var reader = new TarReader(stream);
        long end = 0;
        while (reader.GetNextEntry() is { } entry)
        {
            if (IsFile(entry))
            {
                files.Add(SourceFile.InArchive(archive, CleanPath(entry.Name), entry.Length, entry.DataOffset));
                end = entry.DataOffset + entry.Length;
            }
        }

        CheckEnd(end, stream.Length);
        return files;
    }

    private static List<SourceFile> OfCompressedArchive(string archive)
    {
        var files = new List<SourceFile>();
        using FileStream stream = File.OpenRead(archive);
        using var unpacked = new GZipStream(stream, CompressionMode.Decompress);
        using var counted = new CountingStream(new BufferedStream(unpacked, 1 << 16));
        using var reader = new TarReader(counted);
        long total = 0, end = 0;
        while (reader.GetNextEntry() is { } entry)
        {
            end = counted.Position + entry.Length;
            if (!IsFile(entry))
            {
                continue;
            }

            total += entry.Length;
            if (total > MaximumUnpacked)
            {
                throw new InvalidInputException(
                    $"{archive} holds more than {MaximumUnpacked >> 30} GiB, too much to be read from a compressed archive; unpack it, or decompress it to .tar.");
            }

            byte[] content = new byte[entry.Length];
            entry.DataStream?.ReadExactly(content);
            files.Add(SourceFile.InMemory(archive, CleanPath(entry.Name), content));
        }

        CheckEnd(end, counted.Position);
        return files;
    }

    /// <summary>
    /// The readers of .NET take the end of a stream for the end of an archive, and a compressed stream that is cut short for a whole
    /// one. A whole archive has a block of zeros after the last file.
    /// </summary>
    private static void CheckEnd(long endOfLastFile, long endOfArchive)
    {
        const int block = 512;
        if ((endOfLastFile + block - 1) / block * block + block > endOfArchive)
        {
            throw new EndOfStreamException();
        }
    }

    private static bool IsFile(TarEntry entry) => entry.EntryType is TarEntryType.RegularFile or TarEntryType.V7RegularFile;

    private static string CleanPath(string path) => path.StartsWith("./", StringComparison.Ordinal) ? path[2..] : path;
}
