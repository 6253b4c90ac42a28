namespace FeatureTransform.Cuda.Emulator;

/// <summary>The limits of a device and the arithmetic of its tensor cores.</summary>
/// <remarks>
/// Limits of a compute capability are those of the table "Technical Specifications per Compute Capability" in NVIDIA's CUDA C++
/// Programming Guide; multiprocessors, caches, memory and clocks those of NVIDIA's A100, H100 and Ada architecture white papers
/// and data sheets (A100-SXM4-40GB, H100 SXM5 80 GB, GeForce RTX 4090).
/// </remarks>
public sealed record DeviceProfile
{
    /// <summary>NVIDIA A100.</summary>
    public static DeviceProfile A100 { get; } = new()
    {
        Name = "Emulated A100", Major = 8, Minor = 0, Multiprocessors = 108, SharedBytesPerBlockOptIn = 163 * 1024,
        SharedBytesPerMultiprocessor = 164 * 1024, MemoryBytes = 40ul << 30, ThreadsPerMultiprocessor = 2048,
        BlocksPerMultiprocessor = 32, L2Bytes = 40 << 20, ClockKilohertz = 1_410_000,
        MemoryClockKilohertz = 1_215_000, MemoryBusBits = 5120, MatrixFractionBits = 24, MatrixBlockBytes = 16,
    };

    /// <summary>NVIDIA H100.</summary>
    public static DeviceProfile H100 { get; } = new()
    {
        Name = "Emulated H100", Major = 9, Minor = 0, Multiprocessors = 132, SharedBytesPerBlockOptIn = 227 * 1024,
        SharedBytesPerMultiprocessor = 228 * 1024, MemoryBytes = 80ul << 30, ThreadsPerMultiprocessor = 2048,
        BlocksPerMultiprocessor = 32, L2Bytes = 50 << 20, ClockKilohertz = 1_980_000,
        MemoryClockKilohertz = 2_619_000, MemoryBusBits = 5120, MatrixFractionBits = 25, MatrixBlockBytes = 32,
    };

    /// <summary>NVIDIA GeForce RTX 4090; its tensor cores are modelled as those of the A100.</summary>
    public static DeviceProfile Rtx4090 { get; } = new()
    {
        Name = "Emulated RTX 4090", Major = 8, Minor = 9, Multiprocessors = 128, SharedBytesPerBlockOptIn = 99 * 1024,
        SharedBytesPerMultiprocessor = 100 * 1024, MemoryBytes = 24ul << 30, ThreadsPerMultiprocessor = 1536,
        BlocksPerMultiprocessor = 24, L2Bytes = 72 << 20, ClockKilohertz = 2_520_000,
        MemoryClockKilohertz = 10_501_000, MemoryBusBits = 384, MatrixFractionBits = 24, MatrixBlockBytes = 16,
    };

    /// <summary>What the driver calls it.</summary>
    public required string Name { get; init; }

    /// <summary>Compute capability, the part before the point.</summary>
    public required int Major { get; init; }

    /// <summary>Compute capability, the part behind the point.</summary>
    public required int Minor { get; init; }

    /// <summary>Streaming multiprocessors.</summary>
    public required int Multiprocessors { get; init; }

    /// <summary>Shared memory of a block with the attribute set, in bytes.</summary>
    public required int SharedBytesPerBlockOptIn { get; init; }

    /// <summary>Shared memory of a multiprocessor, in bytes.</summary>
    public required int SharedBytesPerMultiprocessor { get; init; }

    /// <summary>Device memory, in bytes.</summary>
    public required ulong MemoryBytes { get; init; }

    /// <summary>The most threads that a multiprocessor holds at once.</summary>
    public required int ThreadsPerMultiprocessor { get; init; }

    /// <summary>The most blocks that a multiprocessor holds at once.</summary>
    public required int BlocksPerMultiprocessor { get; init; }

    /// <summary>Bytes of the second-level cache.</summary>
    public required int L2Bytes { get; init; }

    /// <summary>Highest clock of the multiprocessors.</summary>
    public required int ClockKilohertz { get; init; }

    /// <summary>Clock of the memory.</summary>
    public required int MemoryClockKilohertz { get; init; }

    /// <summary>Width of the memory's bus.</summary>
    public required int MemoryBusBits { get; init; }

    /// <summary>Fraction bits that the addends of a matrix product keep after alignment.</summary>
    public required int MatrixFractionBits { get; init; }

    /// <summary>Bytes of one operand row that are summed at a time: 16-bit types count half as many elements.</summary>
    public required int MatrixBlockBytes { get; init; }

    /// <summary>Shared memory of a block without the attribute, in bytes.</summary>
    public int SharedBytesPerBlock { get; init; } = 48 * 1024;

    /// <summary>32-bit registers of a multiprocessor, and the most that one block may use.</summary>
    public int RegistersPerMultiprocessor { get; init; } = 65536;

    /// <summary>Shared memory that the system takes of each block, in bytes.</summary>
    public int ReservedSharedBytesPerBlock { get; init; } = 1024;

    /// <summary>The most threads of a block.</summary>
    public int ThreadsPerBlock { get; init; } = 1024;

    /// <summary>Whether blocks can be launched in clusters.</summary>
    public bool HasClusters => Major >= 9;

    /// <summary>The number such as 80 or 90.</summary>
    public int ComputeCapability => 10 * Major + Minor;
}
