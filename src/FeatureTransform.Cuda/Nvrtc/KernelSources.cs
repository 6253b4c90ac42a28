using System.Reflection;
using System.Text;

namespace FeatureTransform.Cuda;

/// <summary>
/// CUDA C++ sources by name (infonce.cu, common/types.cuh), read once each. An include is looked for beside the file that
/// has it, then by its name as it is: nothing but these sources is ever compiled. Safe for use by any thread.
/// </summary>
public sealed class KernelSources
{
    /// <summary>The environment variable that names a folder to take the sources from, in place of an assembly.</summary>
    public const string FolderVariable = "FEATURETRANSFORM_KERNELS";

    /// <summary>
    /// The file that may say of each other one, in a line, its name and a hash: of an assembly its build makes it.
    /// </summary>
    internal const string Hashes = "hashes";

    private const string ResourcePrefix = "kernels/";

    private readonly Func<string, string?> read;
    private readonly Dictionary<string, string?> files = [];
    private readonly Dictionary<string, KernelProgram> programs = [];
    private readonly Lock gate = new();
    private string? headers; // their lines of Hashes

    private KernelSources(string name, Func<string, string?> read) => (Name, this.read) = (name, read);

    /// <summary>Sources given as texts by name.</summary>
    public KernelSources(IReadOnlyDictionary<string, string> files)
        : this("the given texts", files.GetValueOrDefault)
    {
    }

    /// <summary>
    /// The resources of an assembly whose names begin with "kernels/"; or the folder that FEATURETRANSFORM_KERNELS names, so
    /// that kernels can be edited and tried without a build.
    /// </summary>
    /// <exception cref="DirectoryNotFoundException">The variable names a folder that does not exist.</exception>
    public static KernelSources FromAssembly(Assembly assembly)
    {
        ArgumentNullException.ThrowIfNull(assembly);
        if (Environment.GetEnvironmentVariable(FolderVariable) is { Length: > 0 } folder)
        {
            return Directory.Exists(folder)
                ? FromFolder(folder)
                : throw new DirectoryNotFoundException($"{FolderVariable} names {folder}, which is not a folder.");
        }
        string simple = assembly.FullName!.Split(',')[0]; // GetName() makes more of it, for a millisecond
        return new KernelSources($"the assembly {simple}", name => Read(assembly, ResourcePrefix + name));
    }

    /// <summary>The files of a folder.</summary>
    /// <exception cref="DirectoryNotFoundException">It does not exist.</exception>
    public static KernelSources FromFolder(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        if (!Directory.Exists(folder))
        {
            throw new DirectoryNotFoundException($"{folder} is not a folder.");
        }
        return new KernelSources($"the folder {folder}", name =>
        {
            string path = Path.Combine(folder, name);
            return name != Hashes && File.Exists(path) ? File.ReadAllText(path) : null; // files are edited, and hashes copied with them
        });
    }

    /// <summary>Where they come from, as a message says it.</summary>
    public string Name { get; }

    /// <summary>A file's text, with Unix line ends on every system; null where there is no such file.</summary>
    public string? Find(string file)
    {
        lock (gate)
        {
            if (!files.TryGetValue(file, out string? text))
            {
                files.Add(file, text = read(file)?.Replace("\r\n", "\n", StringComparison.Ordinal));
            }
            return text;
        }
    }

    internal KernelProgram GetProgram(string file)
    {
        lock (gate)
        {
            if (!programs.TryGetValue(file, out KernelProgram? program))
            {
                programs.Add(file, program = KernelProgram.Of(this, file));
            }
            return program;
        }
    }

    /// <summary>
    /// What changes with anything that a file's output depends on: where there are <see cref="Hashes"/>, the file's and those of
    /// all headers, so that no source need be read; else the hashes of what it includes.
    /// </summary>
    internal string GetFingerprint(string file)
    {
        if (Find(Hashes) is not { } hashes)
        {
            return GetProgram(file).Hash;
        }
        string lines = $"\n{hashes}\n";
        int own = lines.IndexOf($"\n{file} ", StringComparison.Ordinal);
        if (own < 0)
        {
            return GetProgram(file).Hash;
        }
        lock (gate)
        {
            headers ??= string.Join('\n', hashes.Split('\n').Where(line => line.Contains(".cuh ", StringComparison.Ordinal)));
        }
        return $"{lines[own..lines.IndexOf('\n', own + 1)]}\n{headers}";
    }

    private static string? Read(Assembly assembly, string resource)
    {
        using Stream? stream = assembly.GetManifestResourceStream(resource);
        if (stream is null)
        {
            return null;
        }
        byte[] text = new byte[stream.Length];
        stream.ReadExactly(text);
        return Encoding.UTF8.GetString(text);
    }
}
