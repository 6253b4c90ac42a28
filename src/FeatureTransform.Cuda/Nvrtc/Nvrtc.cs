using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace FeatureTransform.Cuda;

/// <summary>NVRTC, CUDA's compiler as a library. It needs neither a driver nor a device. Safe for use by any thread.</summary>
public sealed unsafe class Nvrtc
{
    private readonly Lazy<string> identity;

    /// <summary>Takes NVRTC's functions from <paramref name="source"/>.</summary>
    /// <exception cref="CudaException">A function is missing, or NVRTC fails.</exception>
    public Nvrtc(ISymbolSource source)
    {
        Api = new NvrtcApi(source);
        int major, minor, count;
        ThrowIfFailed(Api.nvrtcVersion(&major, &minor));
        Version = new Version(major, minor);
        ThrowIfFailed(Api.nvrtcGetNumSupportedArchs(&count));
        int[] architectures = new int[count];
        fixed (int* first = architectures)
        {
            ThrowIfFailed(Api.nvrtcGetSupportedArchs(first));
        }
        Array.Sort(architectures);
        Architectures = architectures;
        identity = new(() => LibraryFile.Of((nint)Api.nvrtcVersion) is { } file && LibraryFile.Identify(file) is { } known
            ? known
            : $"{Name}, {this}");
    }

    /// <summary>
    /// Loads libnvrtc.so.13 or .12, nvrtc64_130_0.dll or nvrtc64_120_0.dll, or what FEATURETRANSFORM_NVRTC names.
    /// </summary>
    /// <param name="newest">The newest major version to look for: a driver may refuse what a newer NVRTC compiles.</param>
    /// <exception cref="CudaException">It cannot be loaded, or it fails.</exception>
    public static Nvrtc Load(int newest = int.MaxValue)
    {
        NativeLibrarySource source = NativeLibraries.Nvrtc(newest);
        LoadBuiltins(source.Name);
        return new Nvrtc(source);
    }

    /// <summary>As <see cref="Load"/>, but where there is no NVRTC returns false and says why.</summary>
    /// <exception cref="CudaException">There is one, and it fails.</exception>
    public static bool TryLoad(
        [NotNullWhen(true)] out Nvrtc? nvrtc, [NotNullWhen(false)] out string? reason, int newest = int.MaxValue)
    {
        try
        {
            (nvrtc, reason) = (Load(newest), null);
            return true;
        }
        catch (CudaException exception) when (exception.IsUnavailable)
        {
            (nvrtc, reason) = (null, exception.Message);
            return false;
        }
    }

    /// <summary>The library, such as libnvrtc.so.12.</summary>
    public string Name => Api.Name;

    /// <summary>Its version, such as 12.4.</summary>
    public Version Version { get; }

    /// <summary>The compute capabilities that it compiles for, ascending: 80 for 8.0.</summary>
    public IReadOnlyList<int> Architectures { get; }

    /// <summary>
    /// What tells its output from that of another NVRTC: its file, as <see cref="LibraryFile.Identify"/> says it, where it was
    /// loaded from one.
    /// </summary>
    internal string Identity => identity.Value;

    /// <inheritdoc/>
    public override string ToString() => $"NVRTC {Version}";

    internal NvrtcApi Api { get; }

    /// <summary>
    /// What to compile for, so that a device can run it: its own architecture (sm_90), or, for a device newer than this NVRTC,
    /// PTX of the newest one that it knows (compute_90), which the driver then compiles.
    /// </summary>
    /// <param name="capability">The device's compute capability.</param>
    /// <param name="ptx">PTX in any case.</param>
    /// <exception cref="CudaException">The device is older than all that this NVRTC knows.</exception>
    public string GetTarget(Version capability, bool ptx = false)
    {
        ArgumentNullException.ThrowIfNull(capability);
        int wanted = (capability.Major * 10) + capability.Minor;
        int[] able = [.. Architectures.Where(known => known <= wanted)];
        if (able.Length == 0)
        {
            throw CudaException.Unavailable(
                Name, "", $"{this} does not compile for sm_{wanted}; it knows {string.Join(", ", Architectures)}");
        }
        return !ptx && able[^1] == wanted ? $"sm_{wanted}" : $"compute_{able[^1]}";
    }

    /// <summary>Compiles; the image is a cubin, or PTX with its final zero, and empty where compilation failed.</summary>
    internal (nvrtcResult Result, string Log, byte[] Image) Compile(KernelProgram program, string[] options, bool ptx)
    {
        using var headers = new NativeStrings([.. program.Headers.Select(header => header.Text)]);
        using var names = new NativeStrings([.. program.Headers.Select(header => header.Name)]);
        using var main = new NativeStrings([program.Main.Text, program.Main.Name]);
        using var arguments = new NativeStrings(options);
        nint handle;
        ThrowIfFailed(Api.nvrtcCreateProgram(
            &handle, main.Pointers[0], main.Pointers[1], program.Headers.Count, headers.Pointers, names.Pointers));
        try
        {
            nvrtcResult result = Api.nvrtcCompileProgram(handle, options.Length, arguments.Pointers);
            string log = GetLog(handle);
            byte[] image = result == nvrtcResult.NVRTC_SUCCESS ? GetImage(handle, ptx) : [];
            return (result, log, image);
        }
        finally
        {
            Api.nvrtcDestroyProgram(&handle);
        }
    }

    internal string GetErrorName(nvrtcResult result) =>
        Marshal.PtrToStringUTF8((nint)Api.nvrtcGetErrorString(result)) ?? $"nvrtcResult {(int)result}";

    /// <summary>
    /// NVRTC opens a second library, of its built-in functions, by its bare name. Where NVRTC was named by its path, it need not
    /// lie where the loader looks: then the one beside it is loaded first.
    /// </summary>
    internal static void LoadBuiltins(string path)
    {
        if (Path.GetDirectoryName(path) is not { Length: > 0 } folder)
        {
            return;
        }
        string pattern = OperatingSystem.IsWindows() ? "nvrtc-builtins64_*.dll" : "libnvrtc-builtins.so.*";
        foreach (string builtins in Directory.EnumerateFiles(folder, pattern))
        {
            NativeLibrary.TryLoad(builtins, out _);
        }
    }

    private string GetLog(nint program)
    {
        nuint size;
        ThrowIfFailed(Api.nvrtcGetProgramLogSize(program, &size));
        byte[] log = new byte[(int)size];
        fixed (byte* data = log)
        {
            ThrowIfFailed(Api.nvrtcGetProgramLog(program, data));
        }
        return System.Text.Encoding.UTF8.GetString(log).TrimEnd('\0', '\n');
    }

    private byte[] GetImage(nint program, bool ptx)
    {
        nuint size;
        ThrowIfFailed(ptx ? Api.nvrtcGetPTXSize(program, &size) : Api.nvrtcGetCUBINSize(program, &size));
        byte[] image = new byte[(int)size];
        fixed (byte* data = image)
        {
            ThrowIfFailed(ptx ? Api.nvrtcGetPTX(program, data) : Api.nvrtcGetCUBIN(program, data));
        }
        return image;
    }

    private void ThrowIfFailed(nvrtcResult result, [CallerArgumentExpression(nameof(result))] string call = "")
    {
        if (result != nvrtcResult.NVRTC_SUCCESS)
        {
            string function = call[(call.LastIndexOf("Api.", StringComparison.Ordinal) + 4)..].Split('(', 2)[0];
            throw new CudaException(Name, function, (int)result, GetErrorName(result), "NVRTC failed");
        }
    }

    /// <summary>Strings as C has them.</summary>
    private readonly ref struct NativeStrings
    {
        private readonly int count;

        public NativeStrings(ReadOnlySpan<string> strings)
        {
            count = strings.Length;
            Pointers = (byte**)NativeMemory.AllocZeroed((nuint)count + 1, (nuint)sizeof(byte*));
            for (int i = 0; i < count; i++)
            {
                Pointers[i] = (byte*)Marshal.StringToCoTaskMemUTF8(strings[i]);
            }
        }

        public byte** Pointers { get; }

        public void Dispose()
        {
            for (int i = 0; i < count; i++)
            {
                Marshal.FreeCoTaskMem((nint)Pointers[i]);
            }
            NativeMemory.Free(Pointers);
        }
    }
}
