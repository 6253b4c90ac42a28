using System.Runtime.InteropServices;

namespace FeatureTransform.Training.Data;

/// <summary>
/// The system's TurboJPEG library (libjpeg-turbo), where it has one. It decodes a JPEG file to the bytes that Skia decodes it to, in
/// half the time on x64, where Skia's own copy of libjpeg-turbo is built without vector code. Safe for use by any thread.
/// </summary>
internal static unsafe class TurboJpeg
{
    private const int Rgb = 0, StopOnWarning = 8192; // TJPF_RGB, TJFLAG_STOPONWARNING

    private static readonly delegate* unmanaged[Cdecl]<nint> Create;
    private static readonly delegate* unmanaged[Cdecl]<nint, byte*, CULong, byte*, int, int, int, int, int, int> Decompress;
    private static readonly delegate* unmanaged[Cdecl]<nint, int> Destroy;

    static TurboJpeg()
    {
        string name = OperatingSystem.IsWindows() ? "turbojpeg.dll" : OperatingSystem.IsMacOS() ? "libturbojpeg.0.dylib" : "libturbojpeg.so.0";
        if (NativeLibrary.TryLoad(name, out nint library) &&
            NativeLibrary.TryGetExport(library, "tjInitDecompress", out nint create) &&
            NativeLibrary.TryGetExport(library, "tjDecompress2", out nint decompress) &&
            NativeLibrary.TryGetExport(library, "tjDestroy", out nint destroy))
        {
            Create = (delegate* unmanaged[Cdecl]<nint>)create;
            Decompress = (delegate* unmanaged[Cdecl]<nint, byte*, CULong, byte*, int, int, int, int, int, int>)decompress;
            Destroy = (delegate* unmanaged[Cdecl]<nint, int>)destroy;
        }
    }

    /// <summary>Whether the system has it.</summary>
    public static bool IsAvailable => Create is not null;

    /// <summary>Decodes a file whose size is known to RGB of 8 bits.</summary>
    /// <returns>False where the library is missing, or for anything but a JPEG file without any fault in colours that it converts to RGB (not
    /// CMYK); then <paramref name="rgb"/> holds nothing of use.</returns>
    public static bool TryDecode(ReadOnlySpan<byte> file, Span<byte> rgb, int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rgb.Length, checked(width * height * 3));
        nint decoder = IsAvailable ? Create() : 0;
        if (decoder == 0)
        {
            return false;
        }

        fixed (byte* source = file, target = rgb)
        {
            int result = Decompress(decoder, source, new CULong((nuint)file.Length), target, width, 3 * width, height, Rgb, StopOnWarning);
            _ = Destroy(decoder);
            return result == 0;
        }
    }
}
