using System.Runtime.InteropServices;
using System.Text;

namespace FeatureTransform.Cuda.Emulator.Tests;

/// <summary>Compiles CUDA C++ to PTX where NVRTC is installed under CUDA_TOOLS; tests skip visibly where it is not.</summary>
internal static unsafe class Nvrtc
{
    private static readonly nint Library = Load();

    public static bool IsPresent => Library != 0;

    /// <summary>PTX of a source; throws with NVRTC's log.</summary>
    public static string Compile(string source, string name, string architecture, params string[] options)
    {
        Assert.SkipUnless(IsPresent, "NVRTC is not installed (CUDA_TOOLS)");
        var create = (delegate* unmanaged<nint*, byte*, byte*, int, byte**, byte**, int>)NativeLibrary.GetExport(Library,
            "nvrtcCreateProgram");
        var compile = (delegate* unmanaged<nint, int, byte**, int>)NativeLibrary.GetExport(Library, "nvrtcCompileProgram");
        nint program;
        fixed (byte* text = Utf8(source), file = Utf8(name))
        {
            Assert.Equal(0, create(&program, text, file, 0, null, null));
        }
        string[] all = [$"--gpu-architecture={architecture}", "--std=c++17", "-lineinfo", "-default-device", .. options];
        var pointers = new nint[all.Length];
        for (int i = 0; i < all.Length; i++)
        {
            pointers[i] = Marshal.StringToCoTaskMemUTF8(all[i]);
        }
        int result;
        fixed (nint* list = pointers)
        {
            result = compile(program, all.Length, (byte**)list);
        }
        string log = Read("nvrtcGetProgramLogSize", "nvrtcGetProgramLog", program);
        string ptx = result == 0 ? Read("nvrtcGetPTXSize", "nvrtcGetPTX", program) : "";
        ((delegate* unmanaged<nint*, int>)NativeLibrary.GetExport(Library, "nvrtcDestroyProgram"))(&program);
        foreach (nint pointer in pointers)
        {
            Marshal.FreeCoTaskMem(pointer);
        }
        return result == 0 ? ptx : throw new InvalidOperationException($"NVRTC {result}: {log}");
    }

    private static string Read(string sizeName, string textName, nint program)
    {
        nuint size;
        ((delegate* unmanaged<nint, nuint*, int>)NativeLibrary.GetExport(Library, sizeName))(program, &size);
        var bytes = new byte[size];
        fixed (byte* text = bytes)
        {
            ((delegate* unmanaged<nint, byte*, int>)NativeLibrary.GetExport(Library, textName))(program, text);
        }
        return Encoding.UTF8.GetString(bytes).TrimEnd('\0');
    }

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text + "\0");

    private static nint Load()
    {
        if (Environment.GetEnvironmentVariable("CUDA_TOOLS") is not { Length: > 0 } tools)
        {
            return 0;
        }
        string folder = Path.Combine(tools, "lib");
        foreach (string builtins in Directory.Exists(folder) ? Directory.GetFiles(folder, "libnvrtc-builtins.so*") : [])
        {
            NativeLibrary.TryLoad(builtins, out _); // NVRTC looks for it by name
        }
        return NativeLibrary.TryLoad(Path.Combine(folder, "libnvrtc.so.12"), out nint library) ? library : 0;
    }
}
