using FeatureTransform.Training.Runs;
using Xunit;

namespace FeatureTransform.Training.Tests.Runs;

public sealed class AtomicFileTests : IDisposable
{
    // ENOSPC, and ERROR_DISK_FULL on Windows: what the system says of a full disk.
    private static readonly int NoSpace = OperatingSystem.IsWindows() ? unchecked((int)0x80070070) : 28;
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_full_disk_in_the_middle_of_writing_leaves_the_old_file_and_nothing_else()
    {
        AtomicFile.WriteText(folder["f"], "old");
        InvalidInputException error = Assert.Throws<InvalidInputException>(() => AtomicFile.Write(folder["f"], file =>
        {
            file.Write("new, half"u8);
            throw new IOException("No space left on device", NoSpace);
        }));
        Assert.Equal($"Cannot write '{folder["f"]}': no space left on the disk.", error.Message);
        Assert.Equal("old", File.ReadAllText(folder["f"]));
        Assert.Equal([folder["f"]], Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void The_full_device_says_that_no_space_is_left()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "this system has no /dev/full");
        using var device = new FileStream("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        IOException error = Assert.Throws<IOException>(() => device.Write("x"u8));
        Assert.Equal("no space left on the disk", FileErrors.Describe(error));
    }

    [Fact]
    public void A_file_takes_the_place_of_the_old_one_as_a_whole()
    {
        AtomicFile.WriteText(folder["f"], "old");
        using var reader = new FileStream(folder["f"], FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        AtomicFile.Write(folder["f"], file =>
        {
            file.Write("newer"u8);
            file.Flush();
            Assert.Equal("old", File.ReadAllText(folder["f"]));
        });
        Assert.Equal("newer", File.ReadAllText(folder["f"]));
        Assert.Equal("old", new StreamReader(reader).ReadToEnd());
    }

    [Fact]
    public void Places_that_cannot_be_written_are_named()
    {
        string nowhere = Path.Combine(folder["nothing"], "f");
        InvalidInputException error = Assert.Throws<InvalidInputException>(() => AtomicFile.WriteText(nowhere, "x"));
        Assert.Equal($"Cannot write '{nowhere}': no such file or folder.", error.Message);
        Directory.CreateDirectory(folder["d"]);
        Assert.Throws<InvalidInputException>(() => AtomicFile.WriteText(folder["d"], "x"));
        Assert.Empty(Directory.GetFiles(folder.Path));
    }

    [Fact]
    public void Leftovers_of_a_killed_process_go_and_other_files_stay()
    {
        File.WriteAllText(folder["a.safetensors.tmp"], "half");
        File.WriteAllText(folder["a.safetensors"], "whole");
        AtomicFile.RemoveLeftovers(folder.Path);
        Assert.Equal([folder["a.safetensors"]], Directory.GetFiles(folder.Path));
    }
}
