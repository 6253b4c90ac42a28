using FeatureTransform.Cuda.Emulator.Memory;

namespace FeatureTransform.Cuda.Emulator.Tests.Defects;

/// <summary>What racecheck records of an allocation: of large ones in part, of small accesses finely enough.</summary>
public class RaceRecordTests
{
    private const ulong Bytes = 96 << 20;

    // Each block writes one word; b is 0 or the block's number.
    private static string Kernel(string b) => $$"""
        .version 8.0
        .target sm_80
        .address_size 64
        .visible .entry test(.param .u64 y_)
        {
            .reg .b32 %r<4>; .reg .b64 %rd<4>;
            ld.param.u64 %rd1, [y_]; mov.u32 %r1, {{b}};
            mul.wide.u32 %rd2, %r1, 4; add.s64 %rd3, %rd1, %rd2;
            st.global.u32 [%rd3+88080384], %r1;
            ret;
        }
        """;

    [Theory]
    [InlineData("0", true)]
    [InlineData("%ctaid.x", false)]
    public void A_race_at_the_end_of_a_large_allocation_is_found(string word, bool races)
    {
        using var device = new PtxRunner(new EmulatorOptions { Device = DeviceProfile.A100 });
        byte[] parameters = BitConverter.GetBytes(device.Allocate((long)Bytes, "y"));
        LaunchReport report = device.Launch(device.Load(Kernel(word)), "test", new Dim3(2), new Dim3(1), parameters);
        Assert.Equal(races ? ["race"] : [], report.Findings.Select(finding => finding.Kind));
    }

    [Fact]
    public void Bytes_beside_each_other_are_no_race_after_a_kernel_that_wrote_words()
    {
        const string head = ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry test(.param .u64 y_)\n"
            + "{ .reg .b32 %r<4>; .reg .b64 %rd<4>; ld.param.u64 %rd1, [y_]; mov.u32 %r1, %tid.x; ";
        using var device = new PtxRunner(new EmulatorOptions { Device = DeviceProfile.A100 });
        byte[] parameters = BitConverter.GetBytes(device.Allocate(256, "y"));
        foreach (string store in new[]
        {
            "mul.wide.u32 %rd2, %r1, 4; add.s64 %rd3, %rd1, %rd2; st.global.u32 [%rd3], %r1; ret; }",
            "shr.u32 %r2, %r1, 5; cvt.u64.u32 %rd2, %r2; add.s64 %rd3, %rd1, %rd2; and.b32 %r3, %r1, 31; .reg .pred %p; "
                + "setp.ne.u32 %p, %r3, 0; @%p ret; st.global.u8 [%rd3], %r1; ret; }",
        })
        {
            LaunchReport report = device.Launch(device.Load(head + store), "test", new Dim3(1), new Dim3(64), parameters);
            Assert.Empty(report.Findings);
            Assert.Null(report.Error);
        }
    }

    [Fact]
    public void What_is_touched_beyond_the_record_is_forgotten()
    {
        const int word = 4, page = RaceShadow.PageCells * word, launch = 1;
        using var shadow = new RaceShadow(Bytes, word, mostPages: 2);
        foreach (ulong offset in new ulong[] { 0, 5 * page, Bytes - word })
        {
            shadow.At(offset, launch).Writer.Block = 7;
        }

        Assert.Equal([7, 7, -1], new ulong[] { 0, 5 * page, Bytes - word }.Select(offset => shadow.At(offset, launch).Writer.Block));
        Assert.Equal([0ul, 5 * page], shadow.Of(launch).Select(accessed => accessed.Offset));
        Assert.Equal(-1, shadow.At(0, launch + 1).Writer.Block);
    }
}
