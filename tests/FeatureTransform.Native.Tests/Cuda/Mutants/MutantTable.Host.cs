using FeatureTransform.Cuda;
using FeatureTransform.Native.Cuda;

namespace FeatureTransform.Native.Tests.Cuda;

internal static partial class MutantTable
{
    private static Mutant[] HostSide =>
    [
        HostFound("a buffer is freed before the launch that reads it", "ema", "ema.cu", device =>
        {
            DeviceMemory source = new(device.Context, 1024);
            ulong address = source.Address;
            source.Dispose();
            Follow(device, device.Upload<float>(new float[256]).Address, address);
        }, "use after free", "float4 t = load_aligned4(args.target + i)"),
        HostFound("a buffer is freed before the launch that writes it", "ema", "ema.cu", device =>
        {
            DeviceMemory copy = new(device.Context, 512);
            ulong address = copy.Address;
            copy.Dispose();
            ulong values = device.Upload<float>(new float[256]).Address;
            Follow(device, values, values, address);
        }, "use after free", "store_aligned4(args.target_bf16 + i, t);"),
        HostFound("a buffer is too small by half", "scatter_rows", "scatter_rows.cu", device => new ScatterRows(device.Kernels, ElementType.Float32)
            .Launch(device.Stream, new ScatterRowsArgs
            {
                Source = device.Upload<float>(new float[64]).Address,
                Target = device.Poisoned<float>(32).Address,
                Order = device.Upload<uint>([.. Enumerable.Range(0, 16).Select(i => (uint)i)]).Address,
                N = 16,
                C = 4,
            }), OutOfBounds, "store4(to, column, c, to_aligned"),
        HostFound("an input is never written", "ema", "ema.cu", device =>
            Follow(device, device.Upload<float>(new float[256]).Address, device.Poisoned<float>(256).Address),
            Unwritten, "float4 t = load_aligned4(args.target + i)"),
    ];

    private static Mutant HostFound(
        string name, string kernel, string file, Action<KernelDevice> host, string kind, string at) =>
        new(name, kernel, file, "", "") { Host = host, Kind = kind, At = at };

    private static void Follow(KernelDevice device, ulong target, ulong source, ulong copy = 0)
    {
        new Ema(device.Kernels, ElementType.Float32).Launch(
            device.Stream, new EmaArgs { Target = target, Source = source, TargetBf16 = copy, Count = 256, M = 0.5f, Rest = 0.5f });
        device.Stream.Synchronize();
    }
}
