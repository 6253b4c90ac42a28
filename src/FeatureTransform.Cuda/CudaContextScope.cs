namespace FeatureTransform.Cuda;

/// <summary>While it lasts, a context is current on the calling thread. To be disposed of by the thread that made it.</summary>
public readonly unsafe ref struct CudaContextScope
{
    private readonly DriverApi? pushed;
    private readonly CudaContext? owner;

    internal CudaContextScope(CudaDriver driver, nint context, CudaContext? owner, bool throws = true)
    {
        this.owner = owner;
        nint current;
        string call = nameof(driver.Api.cuCtxGetCurrent);
        CUresult result = driver.Api.cuCtxGetCurrent(&current);
        if (result == CUresult.CUDA_SUCCESS && current != context)
        {
            call = nameof(driver.Api.cuCtxPushCurrent_v2);
            result = driver.Api.cuCtxPushCurrent_v2(context);
            pushed = result == CUresult.CUDA_SUCCESS ? driver.Api : null;
        }
        if (throws)
        {
            driver.ThrowIfFailed(result, call);
        }
    }

    /// <summary>Makes the context before it current again.</summary>
    public void Dispose()
    {
        if (pushed is not null)
        {
            nint popped;
            pushed.cuCtxPopCurrent_v2(&popped);
        }
        GC.KeepAlive(owner);
    }
}
