using System.Text;

namespace FeatureTransform.Training.Runs;

/// <summary>
/// Writes files so that a reader sees the old one or the new one and never a part: a temporary file in the same folder,
/// flushed to the disk, then renamed over the old one.
/// </summary>
internal static class AtomicFile
{
    private const string TemporarySuffix = ".tmp";

    /// <summary>Writes a file by a function; the stream can be sought and read.</summary>
    /// <exception cref="InvalidInputException">The disk is full, or the place cannot be written; a previous file is as it was.</exception>
    public static void Write(string path, Action<FileStream> write)
    {
        string temporary = path + TemporarySuffix;
        bool created = false;
        try
        {
            using (var file = new FileStream(temporary, FileMode.Create, FileAccess.ReadWrite, FileShare.None))
            {
                created = true;
                write(file);
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception error)
        {
            if (created)
            {
                Remove(temporary);
            }

            if (error is IOException or UnauthorizedAccessException)
            {
                throw new InvalidInputException($"Cannot write '{path}': {FileErrors.Describe(error)}.", error);
            }

            throw;
        }
    }

    /// <summary>Writes a text in UTF-8.</summary>
    public static void WriteText(string path, string text) => Write(path, file => file.Write(Encoding.UTF8.GetBytes(text)));

    /// <summary>Whether a file is one that a killed process left half-written.</summary>
    public static bool IsLeftover(string path) => path.EndsWith(TemporarySuffix, StringComparison.Ordinal);

    /// <summary>Removes what a killed process left half-written in a folder.</summary>
    public static void RemoveLeftovers(string folder)
    {
        foreach (string leftover in Directory.EnumerateFiles(folder, "*" + TemporarySuffix))
        {
            Remove(leftover);
        }
    }

    // The error that led here is the one to tell of; a leftover is removed at the next resume.
    private static void Remove(string temporary)
    {
        try
        {
            File.Delete(temporary);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
        }
    }
}
