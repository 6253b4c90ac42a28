using System.Globalization;

namespace FeatureTransform.Benchmarks.Plans;

/// <summary>A device as cuDNN describes it, so that plans can be made for it where it is not. The figures are public ones.</summary>
internal sealed record PlannedDevice(
    string Name, int Capability, int Multiprocessors, int SharedBytes, int Threads, int Blocks, long Memory, int L2, int Clock, int MemoryClock, int Bus)
{
    public static IReadOnlyList<PlannedDevice> All { get; } =
    [
        new("A100", 800, 108, 166912, 2048, 32, 85094825984, 41943040, 1410000, 1593000, 5120),
        new("RTX 4090", 890, 128, 101376, 1536, 24, 25393692672, 75497472, 2520000, 10501000, 384),
        new("H100", 900, 132, 232448, 2048, 32, 85029158912, 52428800, 1980000, 2619000, 5120),
    ];

    /// <summary>The text that cuDNN takes.</summary>
    public string Json => string.Create(CultureInfo.InvariantCulture, $$"""
        {"deviceVer": {{Capability}}, "multiProcessorCount": {{Multiprocessors}}, "maxSharedMemoryPerBlockOptin": {{SharedBytes}},
        "maxThreadsPerSM": {{Threads}}, "maxCtasPerSM": {{Blocks}}, "totalGlobalMem": {{Memory}}, "l2CacheSize": {{L2}},
        "smClockRateKHz": {{Clock}}, "memClockRateKHz": {{MemoryClock}}, "memoryBusWidth": {{Bus}},
        "maxGridSize": [2147483647,65535,65535], "maxBlockSize": [1024,1024,64], "regsPerBlock": 65536, "warpSize": 32,
        "maxSharedMemoryPerBlock": 49152, "reservedSharedMemoryPerBlock": 1024, "maxRegistersPerSM": 65536,
        "maxThreadsPerBlock": 1024, "pciDeviceId": 0, "isTccDriver": 0, "supportCoopLaunch": 1, "driverVer": 13000,
        "cudaDeviceId": 0, "deviceName": "{{Name}}"}
        """);
}
