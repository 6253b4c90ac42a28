using FeatureTransform.Cuda.Emulator.Execution;

namespace FeatureTransform.Cuda.Emulator.Host;

/// <summary>Gives kernels to streams.</summary>
internal static class Launches
{
    public static void Add(EmulatedFunction function, EmulatedStream stream, in LaunchRequest request, string call)
    {
        if (function.Context != stream.Context)
        {
            throw new CallRefused(
                CUresult.CUDA_ERROR_INVALID_HANDLE, FindingKinds.WrongContext,
                $"{function.Kernel.Name} of {function.Context} is launched in {stream} of {stream.Context}");
        }
        KernelLaunch launch = LaunchRules.Check(function, request);
        EmulatedModule module = function.Module;
        Emulator emulator = function.Context.Emulator;
        stream.Add(new Operation(call, () => Run(module, launch, emulator)) { Module = module });
    }

    private static void Run(EmulatedModule module, KernelLaunch launch, Emulator emulator)
    {
        try
        {
            module.Executable.Run(launch, emulator.FindingList.Add, emulator.Output);
        }
        catch (KernelFault fault)
        {
            throw new DeviceFault(CodeOf(fault.Kind), $"{launch.Kernel.Name}: {fault.Message}");
        }
    }

    private static CUresult CodeOf(KernelFaultKind kind) => kind switch
    {
        KernelFaultKind.IllegalAddress => CUresult.CUDA_ERROR_ILLEGAL_ADDRESS,
        KernelFaultKind.MisalignedAddress => CUresult.CUDA_ERROR_MISALIGNED_ADDRESS,
        KernelFaultKind.Assertion => CUresult.CUDA_ERROR_ASSERT,
        KernelFaultKind.Deadlock or KernelFaultKind.Budget => CUresult.CUDA_ERROR_LAUNCH_TIMEOUT,
        KernelFaultKind.StackOverflow => CUresult.CUDA_ERROR_HARDWARE_STACK_ERROR,
        KernelFaultKind.IllegalInstruction => CUresult.CUDA_ERROR_ILLEGAL_INSTRUCTION,
        _ => CUresult.CUDA_ERROR_LAUNCH_FAILED,
    };
}
