using System.Runtime.CompilerServices;

namespace FeatureTransform.Cuda;

/// <summary>A kernel of a module, which it keeps alive. Any thread may launch it.</summary>
public sealed unsafe class CudaKernel
{
    private readonly nint function;
    private readonly int parameterBytes;

    internal CudaKernel(CudaModule module, string name, nint function)
    {
        Module = module;
        Name = name;
        this.function = function;
        RegistersPerThread = Attribute(CUfunction_attribute.CU_FUNC_ATTRIBUTE_NUM_REGS);
        StaticSharedBytes = Attribute(CUfunction_attribute.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
        LocalBytesPerThread = Attribute(CUfunction_attribute.CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES);
        MaxThreadsPerBlock = Attribute(CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
        parameterBytes = AskParameterBytes();
    }

    /// <summary>The module that holds it.</summary>
    public CudaModule Module { get; }

    /// <summary>The name under which it was compiled.</summary>
    public string Name { get; }

    /// <summary>Registers of a thread.</summary>
    public int RegistersPerThread { get; }

    /// <summary>Bytes of shared memory that it declares itself.</summary>
    public int StaticSharedBytes { get; }

    /// <summary>Bytes of local memory of a thread: arrays and what registers could not hold.</summary>
    public int LocalBytesPerThread { get; }

    /// <summary>The most threads that a block of it may have on this device.</summary>
    public int MaxThreadsPerBlock { get; }

    /// <summary>
    /// The most bytes of dynamic shared memory that a launch may ask for; above 48 KB only after this was called.
    /// </summary>
    /// <exception cref="CudaException">The device has less.</exception>
    public void SetDynamicShared(int bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        using CudaContextScope scope = Module.Context.MakeCurrent();
        CUresult result = Api.cuFuncSetAttribute(
            Function, CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes);
        GC.KeepAlive(Module);
        if (result != CUresult.CUDA_SUCCESS)
        {
            throw Driver.Failure(result, nameof(Api.cuFuncSetAttribute),
                $" {this}: {bytes} bytes of dynamic shared memory; "
                + $"a block may have {Module.Context.Device.SharedBytesPerBlock}.");
        }
    }

    /// <summary>
    /// How many blocks of so many threads and so much dynamic shared memory one multiprocessor can hold at once.
    /// </summary>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public int GetBlocksPerMultiprocessor(int threads, int dynamicSharedBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threads);
        ArgumentOutOfRangeException.ThrowIfNegative(dynamicSharedBytes);
        using CudaContextScope scope = Module.Context.MakeCurrent();
        int blocks;
        Driver.ThrowIfFailed(
            Api.cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, Function, threads, (nuint)dynamicSharedBytes));
        GC.KeepAlive(Module);
        return blocks;
    }

    /// <summary>
    /// Gives the kernel to <paramref name="stream"/> with one parameter, a struct passed by value. Returns before it has run:
    /// errors of the kernel itself are thrown by later calls. Allocates nothing and waits for nothing; can be captured.
    /// </summary>
    /// <typeparam name="TArgs">The mirror of the kernel's parameter struct: same fields, sizes and offsets.</typeparam>
    /// <exception cref="ArgumentException">The kernel's parameter has another size, where the driver tells it (CUDA 12.4 and
    /// newer).</exception>
    /// <exception cref="CudaException">The driver refuses; the message says kernel, grid, block, shared memory and
    /// attributes.</exception>
    public void Launch<TArgs>(CudaStream stream, Dim3 grid, Dim3 block, int dynamicSharedBytes, in TArgs args)
        where TArgs : unmanaged
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (parameterBytes > 0 && parameterBytes != sizeof(TArgs))
        {
            throw new ArgumentException(
                $"{this} takes one parameter of {parameterBytes} bytes; {typeof(TArgs).Name} has {sizeof(TArgs)}.", nameof(args));
        }
        using CudaContextScope scope = Module.Context.MakeCurrent();
        CUresult result;
        fixed (TArgs* parameter = &args)
        {
            void* parameters = parameter;
            result = Api.cuLaunchKernel(
                Function, grid.X, grid.Y, grid.Z, block.X, block.Y, block.Z,
                (uint)dynamicSharedBytes, stream.Handle, &parameters, null);
        }
        GC.KeepAlive(Module);
        GC.KeepAlive(stream);
        if (result != CUresult.CUDA_SUCCESS)
        {
            throw LaunchFailure(result, grid, block, dynamicSharedBytes, sizeof(TArgs));
        }
    }

    /// <inheritdoc/>
    public override string ToString() => $"Kernel {Name} on {Module.Context.Device.Architecture}";

    private CudaDriver Driver => Module.Context.Device.Driver;

    private DriverApi Api => Driver.Api;

    private nint Function
    {
        get
        {
            ObjectDisposedException.ThrowIf(Module.IsClosed, Module);
            return function;
        }
    }

    /// <summary>The size of the only parameter; 0 where there is none, where there are more, or where the driver does not tell.</summary>
    private int AskParameterBytes()
    {
        if (Api.cuFuncGetParamInfo == null)
        {
            return 0;
        }
        nuint offset, size, second;
        bool known = Api.cuFuncGetParamInfo(function, 0, &offset, &size) == CUresult.CUDA_SUCCESS
            && Api.cuFuncGetParamInfo(function, 1, &offset, &second) == CUresult.CUDA_ERROR_INVALID_VALUE;
        GC.KeepAlive(Module);
        return known ? (int)size : 0;
    }

    private int Attribute(CUfunction_attribute attribute)
    {
        int value;
        Driver.ThrowIfFailed(Api.cuFuncGetAttribute(&value, attribute, function));
        GC.KeepAlive(Module);
        return value;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private CudaException LaunchFailure(CUresult result, Dim3 grid, Dim3 block, int dynamicSharedBytes, int argumentBytes) =>
        Driver.Failure(result, nameof(Api.cuLaunchKernel),
            $" {this}: grid {grid}, block {block}, {dynamicSharedBytes} bytes of dynamic and {StaticSharedBytes} of static "
            + $"shared memory, {argumentBytes} bytes of arguments, {RegistersPerThread} registers and "
            + $"{LocalBytesPerThread} local bytes a thread, at most {MaxThreadsPerBlock} threads a block.");
}
