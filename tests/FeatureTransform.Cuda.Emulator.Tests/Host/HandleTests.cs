using FeatureTransform.Cuda.Emulator.Host;

namespace FeatureTransform.Cuda.Emulator.Tests.Host;

/// <summary>Handles that are used wrongly.</summary>
public sealed unsafe class HandleTests : HostTest
{
    public static TheoryData<string> Kinds { get; } = ["stream", "event", "module", "graph", "graphexec"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_destroyed_handle_is_neither_used_nor_destroyed_again(string kind)
    {
        using CudaContextScope scope = Context.MakeCurrent();
        nint handle = Make(kind);
        Assert.Equal(CUresult.CUDA_SUCCESS, Destroy(kind, handle));
        Emulator.ClearFindings();
        Assert.Equal(CUresult.CUDA_ERROR_INVALID_HANDLE, Use(kind, handle));
        Assert.Contains(kind, TakeFinding(FindingKinds.UseAfterDestroy).Message);
        Assert.Equal(CUresult.CUDA_ERROR_INVALID_HANDLE, Destroy(kind, handle));
        Assert.Contains(kind, TakeFinding(FindingKinds.DoubleDestroy).Message);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_handle_of_another_kind_or_of_nothing_is_refused(string kind)
    {
        using CudaContextScope scope = Context.MakeCurrent();
        nint context = Context.Handle;
        Assert.Equal(CUresult.CUDA_ERROR_INVALID_HANDLE, Use(kind, context));
        Assert.Contains($"is given for a {kind}", TakeFinding(FindingKinds.InvalidHandle).Message);
        Assert.Equal(CUresult.CUDA_ERROR_INVALID_HANDLE, Use(kind, 0x12345678));
        TakeFinding(FindingKinds.InvalidHandle);
    }

    [Fact]
    public void A_handle_of_another_emulator_is_refused()
    {
        using var other = new Emulator(new EmulatorOptions(), Executor);
        using var second = new CudaContext(new CudaDriver(other).Devices[0]);
        using var stream = new CudaStream(second);
        using CudaContextScope scope = Context.MakeCurrent();
        Assert.Equal(CUresult.CUDA_ERROR_INVALID_HANDLE, Api.cuStreamQuery(stream.Handle));
        Assert.Contains("no handle of a stream of this driver", TakeFinding(FindingKinds.InvalidHandle).Message);
    }

    [Fact]
    public void Functions_go_with_their_module()
    {
        using CudaContextScope scope = Context.MakeCurrent();
        CudaModule module = LoadModule();
        nint function;
        fixed (byte* name = "exact"u8)
        {
            Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuModuleGetFunction(&function, module.Handle, name));
        }
        module.Dispose();
        Assert.Equal(CUresult.CUDA_ERROR_INVALID_HANDLE, Api.cuLaunchKernel(function, 1, 1, 1, 96, 1, 1, 0, 0, null, null));
        TakeFinding(FindingKinds.UseAfterDestroy);
    }

    [Fact]
    public void Equal_findings_are_counted_as_one()
    {
        using CudaContextScope scope = Context.MakeCurrent();
        for (int i = 0; i < 3; i++)
        {
            Assert.Equal(CUresult.CUDA_ERROR_INVALID_HANDLE, Api.cuStreamQuery(77));
        }
        Assert.Equal(3, TakeFinding(FindingKinds.InvalidHandle).Count);
    }

    private nint Make(string kind)
    {
        nint handle = 0;
        CUresult result = CUresult.CUDA_SUCCESS;
        switch (kind)
        {
            case "stream":
                result = Api.cuStreamCreate(&handle, 1);
                break;
            case "event":
                result = Api.cuEventCreate(&handle, 0);
                break;
            case "module":
                fixed (byte* text = System.Text.Encoding.UTF8.GetBytes(Text + '\0'))
                {
                    result = Api.cuModuleLoadDataEx(&handle, text, 0, null, null);
                }
                break;
            default:
                nint stream = Make("stream"), graph;
                Assert.Equal(
                    CUresult.CUDA_SUCCESS,
                    Api.cuStreamBeginCapture_v2(stream, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
                Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuStreamEndCapture(stream, &graph));
                Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuStreamDestroy_v2(stream));
                if (kind == "graph")
                {
                    return graph;
                }
                result = Api.cuGraphInstantiateWithFlags(&handle, graph, 0);
                break;
        }
        Assert.Equal(CUresult.CUDA_SUCCESS, result);
        return handle;
    }

    private CUresult Use(string kind, nint handle)
    {
        nuint count;
        nint function;
        fixed (byte* name = "exact"u8)
        {
            return kind switch
            {
                "stream" => Api.cuStreamQuery(handle),
                "event" => Api.cuEventQuery(handle),
                "module" => Api.cuModuleGetFunction(&function, handle, name),
                "graph" => Api.cuGraphGetNodes(handle, null, &count),
                _ => Api.cuGraphLaunch(handle, 0),
            };
        }
    }

    private CUresult Destroy(string kind, nint handle) => kind switch
    {
        "stream" => Api.cuStreamDestroy_v2(handle),
        "event" => Api.cuEventDestroy_v2(handle),
        "module" => Api.cuModuleUnload(handle),
        "graph" => Api.cuGraphDestroy(handle),
        _ => Api.cuGraphExecDestroy(handle),
    };
}
