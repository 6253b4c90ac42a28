using System.Runtime.InteropServices;
using System.Text;
using FeatureTransform.Cuda.Emulator.Memory;

namespace FeatureTransform.Cuda.Emulator.Host;

// Modules, kernels, launches.
internal static unsafe partial class DriverFunctions
{
    [UnmanagedCallersOnly]
    private static CUresult cuModuleLoadDataEx(
        nint* module, void* image, uint optionCount, CUjit_option* options, void** values) => InContext(context =>
    {
        RequirePointer(module);
        try
        {
            *module = EmulatedModule.Load(context, (byte*)image, nameof(cuModuleLoadDataEx)).Handle;
        }
        catch (CallRefused refusal)
        {
            WriteLog(refusal.Message, optionCount, options, values);
            throw;
        }
    });

    [UnmanagedCallersOnly]
    private static CUresult cuModuleUnload(nint module) => InContext(context =>
    {
        EmulatedModule found = context.Emulator.Handles.Get<EmulatedModule>(module, HandleKind.Module, destroys: true);
        found.Context.Synchronize(); // as the driver does before the code is gone
        found.Dispose();
    }, destroys: true);

    [UnmanagedCallersOnly]
    private static CUresult cuModuleGetFunction(nint* function, nint module, byte* name) => InContext(context =>
    {
        RequirePointer(function);
        *function = context.Emulator.Handles.Get<EmulatedModule>(module, HandleKind.Module)
            .GetFunction(Text(name), nameof(cuModuleGetFunction)).Handle;
    });

    [UnmanagedCallersOnly]
    private static CUresult cuModuleGetGlobal_v2(ulong* address, nuint* bytes, nint module, byte* name) => InContext(context =>
    {
        EmulatedModule found = context.Emulator.Handles.Get<EmulatedModule>(module, HandleKind.Module);
        Region variable = found.Executable.FindVariable(Text(name))
            ?? throw new CallRefused(CUresult.CUDA_ERROR_NOT_FOUND);
        if (address is not null)
        {
            *address = variable.Address;
        }
        if (bytes is not null)
        {
            *bytes = (nuint)variable.Size;
        }
    });

    [UnmanagedCallersOnly]
    private static CUresult cuLibraryLoadData(
        nint* library, void* image, CUjit_option* options, void** values, uint count, CUlibraryOption* libraryOptions,
        void** libraryValues, uint libraryCount) => NotEmulated();

    [UnmanagedCallersOnly]
    private static CUresult cuLibraryUnload(nint library) => NotEmulated();

    [UnmanagedCallersOnly]
    private static CUresult cuLibraryGetKernel(nint* kernel, nint library, byte* name) => NotEmulated();

    [UnmanagedCallersOnly]
    private static CUresult cuKernelGetFunction(nint* function, nint kernel) => NotEmulated();

    [UnmanagedCallersOnly]
    private static CUresult cuFuncGetAttribute(int* value, CUfunction_attribute attribute, nint function) => InContext(context =>
    {
        RequirePointer(value);
        *value = Function(context, function).GetAttribute((int)attribute);
    });

    [UnmanagedCallersOnly]
    private static CUresult cuFuncSetAttribute(nint function, CUfunction_attribute attribute, int value) =>
        InContext(context => Function(context, function).SetAttribute((int)attribute, value));

    /// <summary>Offset and size of a parameter, so that the host can compare its own.</summary>
    [UnmanagedCallersOnly]
    private static CUresult cuFuncGetParamInfo(nint function, nuint index, nuint* offset, nuint* size) => InContext(context =>
    {
        RequirePointer(offset);
        IReadOnlyList<KernelParameter> parameters = Function(context, function).Kernel.Parameters;
        if (index >= (nuint)parameters.Count)
        {
            throw new CallRefused(CUresult.CUDA_ERROR_INVALID_VALUE); // how the number of parameters is found out
        }
        *offset = (nuint)parameters[(int)index].Offset;
        if (size is not null)
        {
            *size = (nuint)parameters[(int)index].Size;
        }
    });

    [UnmanagedCallersOnly]
    private static CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(
        int* blocks, nint function, int threads, nuint dynamicSharedBytes) => InContext(context =>
    {
        RequirePointer(blocks);
        if (threads <= 0)
        {
            throw new CallRefused(CUresult.CUDA_ERROR_INVALID_VALUE, FindingKinds.InvalidArgument,
                $"a block of {threads} threads");
        }
        *blocks = Occupancy.BlocksPerMultiprocessor(Function(context, function), threads, (long)dynamicSharedBytes);
    });

    [UnmanagedCallersOnly]
    private static CUresult cuLaunchKernel(
        nint function, uint gridX, uint gridY, uint gridZ, uint blockX, uint blockY, uint blockZ, uint dynamicSharedBytes,
        nint stream, void** parameters, void** extra) => InContext(context =>
    {
        var request = new LaunchRequest
        {
            Grid = new Dim3(gridX, gridY, gridZ),
            Block = new Dim3(blockX, blockY, blockZ),
            DynamicSharedBytes = dynamicSharedBytes,
            Parameters = parameters,
            Extra = extra,
        };
        Launches.Add(Function(context, function), context.Stream(stream), request, nameof(cuLaunchKernel));
    });

    [UnmanagedCallersOnly]
    private static CUresult cuLaunchKernelEx(CUlaunchConfig* config, nint function, void** parameters, void** extra) =>
        InContext(context =>
        {
            RequirePointer(config);
            var request = new LaunchRequest
            {
                Grid = new Dim3(config->gridDimX, config->gridDimY, config->gridDimZ),
                Block = new Dim3(config->blockDimX, config->blockDimY, config->blockDimZ),
                DynamicSharedBytes = config->sharedMemBytes,
                Parameters = parameters,
                Extra = extra,
            };
            request.Apply((byte*)config->attrs, config->numAttrs);
            Launches.Add(Function(context, function), context.Stream(config->hStream), request, nameof(cuLaunchKernelEx));
        });

    [UnmanagedCallersOnly]
    private static CUresult cuLaunchHostFunc(nint stream, delegate* unmanaged<void*, void> function, void* data) =>
        InContext(context =>
        {
            RequirePointer(function);
            context.Stream(stream).Add(new Operation(nameof(cuLaunchHostFunc), () => function(data)) { IsHostFunction = true });
        });

    private static EmulatedFunction Function(EmulatedContext context, nint handle) =>
        context.Emulator.Handles.Get<EmulatedFunction>(handle, HandleKind.Function);

    private static void WriteLog(string message, uint count, CUjit_option* options, void** values)
    {
        byte* buffer = null;
        int size = -1;
        for (int i = 0; i < (int)count; i++)
        {
            if (options[i] == CUjit_option.CU_JIT_ERROR_LOG_BUFFER)
            {
                buffer = (byte*)values[i];
            }
            else if (options[i] == CUjit_option.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES)
            {
                size = (int)(nint)values[i];
                values[i] = (void*)Math.Min(size, Encoding.UTF8.GetByteCount(message) + 1);
            }
        }
        if (buffer is not null && size > 0)
        {
            var log = new Span<byte>(buffer, size);
            log.Clear();
            byte[] text = Encoding.UTF8.GetBytes(message);
            text.AsSpan(0, Math.Min(text.Length, size - 1)).CopyTo(log);
        }
    }
}
