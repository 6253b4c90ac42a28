using System.Runtime.InteropServices;

namespace FeatureTransform.Cuda;

/// <summary>A native library that the system's loader finds. It stays loaded until the process ends.</summary>
public sealed class NativeLibrarySource : ISymbolSource
{
    private readonly nint handle;

    /// <summary>
    /// Loads the first library of several names that the loader finds, or the one an environment variable names.
    /// </summary>
    /// <param name="library">What a message calls the library.</param>
    /// <param name="variable">The environment variable; if it is set, its path is the only one that is tried.</param>
    /// <param name="names">File names or paths, the preferred first.</param>
    /// <exception cref="CudaException">None can be loaded. The message lists what was tried and why it failed.</exception>
    public NativeLibrarySource(string library, string variable, params ReadOnlySpan<string> names)
    {
        string? given = Environment.GetEnvironmentVariable(variable);
        if (!string.IsNullOrEmpty(given))
        {
            names = new[] { given };
        }
        var tried = new List<string>();
        foreach (string name in names)
        {
            try
            {
                handle = NativeLibrary.Load(name);
                Name = name;
                return;
            }
            catch (Exception exception) when (exception is DllNotFoundException or BadImageFormatException)
            {
                tried.Add($"\n  {name}: {Reason(exception.Message, name)}");
            }
        }
        string place = string.IsNullOrEmpty(given) ? $"{variable} may name its path" : $"{variable} names the only path tried";
        throw CudaException.Unavailable(library, "", tried.Count == 0
            ? "it does not exist for this operating system"
            : $"it cannot be loaded ({place}); tried:{string.Concat(tried)}");
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public nint Find(string symbol) => NativeLibrary.TryGetExport(handle, symbol, out nint address) ? address : 0;

    /// <summary>The loader's own words: the runtime puts general advice before them.</summary>
    private static string Reason(string message, string name)
    {
        string last = message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[^1];
        return last.StartsWith(name + ": ", StringComparison.Ordinal) ? last[(name.Length + 2)..] : last;
    }
}
