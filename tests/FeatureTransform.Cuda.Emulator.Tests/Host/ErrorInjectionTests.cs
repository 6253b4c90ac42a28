using System.Text;
using FeatureTransform.Cuda.Emulator.Host;

namespace FeatureTransform.Cuda.Emulator.Tests.Host;

/// <summary>Every call can be made to fail, and the host's objects stand it.</summary>
public sealed class ErrorInjectionTests : HostTest
{
    [Fact]
    public void A_call_fails_at_the_use_that_was_asked_for()
    {
        Emulator.FailCall("cuMemAlloc_v2", 2, use: 2);
        using var first = new DeviceMemory(Context, 4);
        AssertCode(CUresult.CUDA_ERROR_OUT_OF_MEMORY, () => new DeviceMemory(Context, 4).Dispose());
        using var third = new DeviceMemory(Context, 4);
        Assert.Equal(3, Emulator.Calls["cuMemAlloc_v2"]);
        AssertNoFindings();
        Assert.Throws<ArgumentException>(() => Emulator.FailCall("cuMemAlloc", 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => Emulator.FailCall("cuMemAlloc_v2", 2, 0));
    }

    [Fact]
    public void Each_call_of_a_program_fails_in_turn_and_is_named()
    {
        Program();
        AssertNoFindings();
        IReadOnlyDictionary<string, int> uses = Emulator.Calls;
        int failed = 0;
        foreach ((string call, int count) in uses)
        {
            for (int use = 1; use <= Math.Min(count, 40); use++)
            {
                Start(new EmulatorOptions());
                int before = Emulator.Calls.GetValueOrDefault(call);
                if (use <= before)
                {
                    continue; // made by the driver's constructor, before the test can say anything
                }
                Emulator.FailCall(call, (int)CUresult.CUDA_ERROR_UNKNOWN, use - before);
                try
                {
                    Program();
                }
                catch (CudaException exception)
                {
                    failed++;
                    Assert.Equal((int)CUresult.CUDA_ERROR_UNKNOWN, exception.Code);
                    Assert.Equal(call, exception.Call);
                }
                Assert.DoesNotContain(Emulator.Findings, f => f.Kind is FindingKinds.InternalError or FindingKinds.DoubleDestroy
                    or FindingKinds.UseAfterDestroy or FindingKinds.DoubleFree or FindingKinds.UseAfterFree);
            }
        }
        Assert.True(failed > 30, $"{failed} calls failed");
    }

    /// <summary>A bit of everything; it ends with its context.</summary>
    private void Program()
    {
        using var context = new CudaContext(Driver.Devices[0]);
        using var stream = new CudaStream(context);
        using var done = new CudaEvent(context, timed: true);
        using var module = new CudaModule(context, Encoding.UTF8.GetBytes(Text));
        using var memory = new DeviceMemory(context, 8);
        using var pooled = new DeviceMemory(stream, 8);
        using var pinned = new PinnedMemory(context, 8);
        CudaKernel kernel = module.GetKernel("scale");
        kernel.SetDynamicShared(60_000);
        memory.Fill(0, stream);
        pooled.CopyFrom(memory, stream);
        stream.BeginCapture();
        kernel.Launch(stream, new Dim3(1), new Dim3(32), 60_000, new ScaleArgs { Data = memory.Address, Count = 2, Factor = 2 });
        memory.CopyTo(pinned, stream);
        using CudaGraph graph = stream.EndCapture();
        using CudaGraphExec exec = graph.Instantiate();
        exec.Launch(stream);
        done.Record(stream);
        stream.WaitFor(done);
        _ = done.IsComplete;
        done.Synchronize();
        _ = done.MillisecondsSince(done);
        memory.CopyFrom(pinned, stream);
        _ = stream.IsIdle;
        stream.Synchronize();
    }
}
