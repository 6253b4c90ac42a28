using Microsoft.Win32.SafeHandles;

namespace FeatureTransform.Training.Data;

/// <summary>A file of a source of images, wherever it lies: in a folder, inside an archive, or in memory.</summary>
internal sealed class SourceFile
{
    private readonly string container; // the folder, the archive, or the archive that was unpacked to memory
    private readonly long position; // in the archive; -1 where the container is a folder
    private readonly byte[]? content;

    private SourceFile(string container, string path, long length, long position, byte[]? content) =>
        (this.container, Path, Length, this.position, this.content) = (container, path, length, position, content);

    /// <summary>Path in the source, with slashes.</summary>
    public string Path { get; }

    /// <summary>Bytes.</summary>
    public long Length { get; }

    /// <summary>A file below a folder.</summary>
    public static SourceFile InFolder(string folder, string path, long length) => new(folder, path, length, -1, null);

    /// <summary>A file stored as it is at some position of an archive.</summary>
    public static SourceFile InArchive(string archive, string path, long length, long position) => new(archive, path, length, position, null);

    /// <summary>A file of a compressed archive, unpacked to memory.</summary>
    public static SourceFile InMemory(string archive, string path, byte[] content) => new(archive, path, content.Length, 0, content);

    /// <summary>Reads <c>destination.Length</c> bytes from <paramref name="offset"/> on.</summary>
    /// <exception cref="InvalidInputException">The file is gone, cannot be read, or is shorter than it was.</exception>
    public void Read(long offset, Span<byte> destination)
    {
        if (content is not null)
        {
            content.AsSpan((int)offset, destination.Length).CopyTo(destination);
            return;
        }

        try
        {
            using SafeFileHandle handle = File.OpenHandle(
                position < 0 ? System.IO.Path.Combine(container, Path) : container);
            long at = Math.Max(0, position) + offset;
            while (destination.Length > 0)
            {
                int read = RandomAccess.Read(handle, destination, at);
                if (read == 0)
                {
                    throw new InvalidInputException($"{this} became shorter while it was read; expected {Length} bytes.");
                }

                at += read;
                destination = destination[read..];
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"{this} cannot be read: {error.Message}", error);
        }
    }

    /// <inheritdoc/>
    public override string ToString() => $"{container}/{Path}";
}
