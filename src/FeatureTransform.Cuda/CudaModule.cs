using System.Text;

namespace FeatureTransform.Cuda;

/// <summary>Compiled kernels, loaded into a context.</summary>
public sealed unsafe class CudaModule : CudaObject
{
    private const int LogBytes = 8192;

    /// <summary>Loads a module.</summary>
    /// <param name="context">The context.</param>
    /// <param name="image">A cubin for the device's architecture, or PTX as UTF-8 text, which the driver then compiles.</param>
    /// <exception cref="CudaException">The driver refuses; where it says why the PTX does not compile, the message holds
    /// that.</exception>
    public CudaModule(CudaContext context, ReadOnlySpan<byte> image)
        : base(context, owned: true)
    {
        byte[] terminated = [.. image, 0]; // PTX ends with a zero; a cubin does not mind one
        byte[] log = new byte[LogBytes];
        CUjit_option* options = stackalloc CUjit_option[]
        {
            CUjit_option.CU_JIT_ERROR_LOG_BUFFER, CUjit_option.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES,
        };
        using CudaContextScope scope = context.MakeCurrent();
        nint module;
        CUresult result;
        fixed (byte* data = terminated, errors = log)
        {
            void** values = stackalloc void*[] { errors, (void*)LogBytes };
            result = Api.cuModuleLoadDataEx(&module, data, 2, options, values);
        }
        if (result != CUresult.CUDA_SUCCESS)
        {
            int length = log.AsSpan().IndexOf((byte)0);
            string text = Encoding.UTF8.GetString(log, 0, length < 0 ? LogBytes : length).Trim();
            throw context.Device.Driver.Failure(
                result, nameof(Api.cuModuleLoadDataEx),
                $" For {context.Device.Architecture}.{(text.Length == 0 ? "" : "\n" + text)}");
        }
        Own(module);
    }

    /// <summary>Finds a kernel by the name under which it was compiled (extern "C").</summary>
    /// <exception cref="CudaException">The module has no such kernel.</exception>
    public CudaKernel GetKernel(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        using CudaContextScope scope = Context.MakeCurrent();
        nint function;
        CUresult result;
        fixed (byte* text = Encoding.UTF8.GetBytes(name + '\0'))
        {
            result = Api.cuModuleGetFunction(&function, Handle, text);
        }
        GC.KeepAlive(this);
        return result == CUresult.CUDA_SUCCESS
            ? new CudaKernel(this, name, function)
            : throw Context.Device.Driver.Failure(result, nameof(Api.cuModuleGetFunction), $" Kernel {name}.");
    }

    /// <inheritdoc/>
    private protected override CUresult Destroy() => Api.cuModuleUnload(handle);
}
