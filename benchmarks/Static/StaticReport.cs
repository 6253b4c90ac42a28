using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Serialization;
using FeatureTransform.Cuda;

namespace FeatureTransform.Benchmarks.Static;

/// <summary>What compiler and disassembler say of every kernel, with bars; needs NVRTC, but no GPU.</summary>
internal static class StaticReport
{
    private const string Usage =
        "static takes nothing, or FILE for the Markdown, --json FILE for all figures, --bounds FILE to set bounds";

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        WriteIndented = true,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, // of a loop without a tensor product
    };

    /// <summary>
    /// Prints the report; 1 where a figure misses what it must be or a kernel does not compile, 2 for arguments that are not
    /// understood.
    /// </summary>
    public static int Run(string[] arguments)
    {
        (string? markdown, string? json, string? bounds) = (null, null, null);
        for (int i = 0; i < arguments.Length; i++)
        {
            switch (arguments[i])
            {
                case "--json" when i + 1 < arguments.Length:
                    json = arguments[++i];
                    break;
                case "--bounds" when i + 1 < arguments.Length:
                    bounds = arguments[++i];
                    break;
                case var file when markdown is null && !file.StartsWith('-'):
                    markdown = file;
                    break;
                default:
                    Console.Error.WriteLine($"{Usage}; given: {string.Join(' ', arguments)}");
                    return 2;
            }
        }

        if (!Nvrtc.TryLoad(out Nvrtc? nvrtc, out string? reason))
        {
            Console.Error.WriteLine($"The static report needs NVRTC: {reason}");
            return 1;
        }

        try
        {
            return Write(new(nvrtc, Disassembler.Find()), nvrtc.Version, markdown, json, bounds);
        }
        catch (AggregateException several) when (several.InnerException is KernelCompileException first)
        {
            Console.Error.WriteLine(first.Message);
            return 1;
        }
    }

    private static int Write(StaticCompilation compilation, Version compiler, string? markdown, string? json, string? bounds)
    {
        long start = Stopwatch.GetTimestamp();
        List<CompiledKernel> kernels = compilation.Run(KernelCatalog.Variants);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Console.Error.WriteLine($"{kernels.Count} kernels compiled and taken apart in {seconds:F0} s");
        List<Figure> figures = Figures.Of(kernels);
        string text = StaticMarkdown.Write(compilation.Tools, kernels, figures);
        Console.Write(text);
        if (markdown is not null)
        {
            File.WriteAllText(markdown, text);
        }

        if (json is not null)
        {
            File.WriteAllText(json, ToJson(figures));
        }

        if (bounds is not null)
        {
            Bounds.Of(compiler.ToString(), kernels).Write(bounds);
        }

        int missed = figures.Count(figure => !figure.Met);
        Console.Error.WriteLine($"{missed} figures miss what they must be");
        return missed == 0 ? 0 : 1;
    }

    /// <summary>Rows of kernel, arch, figure, value, must, aim and met.</summary>
    public static string ToJson(IEnumerable<Figure> figures) => JsonSerializer.Serialize(figures, Json);
}
