using FeatureTransform.Cuda.Emulator.Host;

namespace FeatureTransform.Cuda.Emulator.Tests.Host;

/// <summary>Several threads at once.</summary>
public sealed class ThreadTests : HostTest
{
    [Fact]
    public void Each_thread_gets_its_own_results()
    {
        const int Threads = 8;
        using CudaModule module = LoadModule();
        CudaKernel kernel = module.GetKernel("scale");
        Exception?[] thrown = new Exception?[Threads];
        Thread[] threads = [.. Enumerable.Range(0, Threads)
            .Select(t => new Thread(() => thrown[t] = Record.Exception(() => Work(t))))];
        foreach (Thread thread in threads)
        {
            thread.Start();
        }
        foreach (Thread thread in threads)
        {
            thread.Join();
        }
        Assert.All(thrown, Assert.Null);
        AssertNoFindings();

        void Work(int t)
        {
            for (int i = 0; i < 50; i++)
            {
                using var stream = new CudaStream(Context);
                using var memory = new DeviceMemory(stream, 8);
                float[] values = [t, i];
                memory.CopyFrom<float>(values, stream);
                var args = new ScaleArgs { Data = memory.Address, Count = 2, Factor = 3 };
                kernel.Launch(stream, new Dim3(1), new Dim3(32), 0, args);
                memory.CopyTo<float>(values, stream);
                Assert.Equal([t * 3, i * 3], values);
            }
        }
    }

    [Fact]
    public void The_current_context_is_each_threads_own()
    {
        using (Context.MakeCurrent())
        {
            nint seen = 1;
            var thread = new Thread(() =>
            {
                unsafe
                {
                    nint current;
                    Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuCtxGetCurrent(&current));
                    seen = current;
                }
            });
            thread.Start();
            thread.Join();
            Assert.Equal(0, seen);
        }
    }

    [Fact]
    public void The_per_thread_stream_is_each_threads_own()
    {
        using var memory = new DeviceMemory(Context, 1);
        using var own = new CudaStream(Context, 2);
        byte[] back = new byte[1];
        memory.CopyFrom<byte>([1], own);
        var thread = new Thread(() => memory.Fill(2, own));
        thread.Start();
        thread.Join();
        memory.CopyTo<byte>(back, own);
        Assert.Equal(1, back[0]);
        Context.Synchronize();
        memory.CopyTo<byte>(back, own);
        Assert.Equal(2, back[0]);
        AssertNoFindings();
    }
}
