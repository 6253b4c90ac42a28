namespace FeatureTransform.Training.Runs;

/// <summary>What the operating system says of a file, in a few words for a person.</summary>
internal static class FileErrors
{
    // ENOSPC and EDQUOT as .NET reports them on Linux and macOS; ERROR_DISK_FULL and ERROR_HANDLE_DISK_FULL on Windows.
    private const int NoSpaceUnix = 28, QuotaLinux = 122, QuotaMac = 69;
    private const int DiskFullWindows = unchecked((int)0x80070070), HandleDiskFullWindows = unchecked((int)0x80070027);

    public static string Describe(Exception error) => error switch
    {
        FileNotFoundException or DirectoryNotFoundException => "no such file or folder",
        UnauthorizedAccessException => "permission denied, or it is a folder where a file was expected (or the reverse)",
        IOException { HResult: NoSpaceUnix or DiskFullWindows or HandleDiskFullWindows } => "no space left on the disk",
        IOException { HResult: QuotaLinux or QuotaMac } => "the disk quota is used up",
        _ => error.Message.ReplaceLineEndings(" ").TrimEnd('.'),
    };
}
