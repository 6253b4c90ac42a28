using FeatureTransform.Benchmarks.Static;
using Xunit;

namespace FeatureTransform.Native.Tests.Static;

/// <summary>Resident blocks against values worked out by hand from the programming guide's limits.</summary>
public sealed class ArchitectureTests
{
    [Theory]
    [InlineData("sm_80", 256, 255, 113 * 1024, 1)] // registers: 8 x 32 x 256 of 65536
    [InlineData("sm_80", 128, 255, 81 * 1024, 2)] // registers: 8 warps; shared: 164 / 82 = 2
    [InlineData("sm_80", 128, 128, 81 * 1024, 2)] // shared alone
    [InlineData("sm_80", 128, 128, (81 * 1024) + 1, 1)] // 82 KB and 128 bytes do not fit twice into 164 KB
    [InlineData("sm_89", 256, 206, 99 * 1024, 1)]
    [InlineData("sm_89", 256, 206, (99 * 1024) + 1, 0)]
    [InlineData("sm_86", 32, 32, 0, 16)] // blocks
    [InlineData("sm_89", 32, 32, 0, 24)]
    [InlineData("sm_90", 32, 32, 0, 32)]
    [InlineData("sm_90", 256, 32, 0, 8)] // threads
    [InlineData("sm_86", 256, 32, 0, 6)]
    [InlineData("sm_80", 1024, 65, 0, 0)] // 72 registers a thread: 28 warps
    [InlineData("sm_80", 96, 40, 0, 16)] // 40 registers: 12 warps a partition, 48, of 3 each
    public void Resident_blocks(string architecture, int threads, int registers, int shared, int blocks) =>
        Assert.Equal(blocks, Architecture.Find(architecture)!.ResidentBlocks(threads, registers, shared));

    [Fact]
    public void An_architecture_without_limits_is_unknown() => Assert.Null(Architecture.Find("sm_999"));
}
