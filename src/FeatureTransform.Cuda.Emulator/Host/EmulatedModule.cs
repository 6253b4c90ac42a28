using System.Text;

namespace FeatureTransform.Cuda.Emulator.Host;

/// <summary>A loaded PTX text.</summary>
internal sealed class EmulatedModule(EmulatedContext context, IExecutableModule module, string madeBy)
    : HostObject(context, HandleKind.Module, madeBy), IDisposable
{
    private readonly Dictionary<string, EmulatedFunction> functions = [];

    public IExecutableModule Executable { get; } = module;

    public bool IsUnloaded { get; private set; }

    public static unsafe EmulatedModule Load(EmulatedContext context, byte* image, string call)
    {
        if (image is null)
        {
            throw new CallRefused(CUresult.CUDA_ERROR_INVALID_VALUE, FindingKinds.InvalidArgument, "the image is null");
        }
        int length = 0;
        while (image[length] != 0)
        {
            length++;
        }
        var bytes = new ReadOnlySpan<byte>(image, length);
        if (bytes.StartsWith("\u007fELF"u8) || bytes.StartsWith((ReadOnlySpan<byte>)[0x50, 0xED, 0x55, 0xBA]))
        {
            throw new CallRefused(
                CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU, FindingKinds.UnsupportedImage,
                "the image is machine code (a cubin or fatbin); the emulator executes PTX alone: compile with an architecture "
                + "of the form compute_90 and take the PTX");
        }
        string text = Encoding.UTF8.GetString(bytes);
        if (text.AsSpan().TrimStart() is not ['.' or '/', ..])
        {
            throw new CallRefused(CUresult.CUDA_ERROR_INVALID_IMAGE, FindingKinds.UnsupportedImage, "the image is no PTX text");
        }
        IExecutableModule module;
        try
        {
            module = context.Emulator.Executor.Load(text, context.Memory.Memory);
        }
        catch (PtxException refusal)
        {
            throw new CallRefused(CUresult.CUDA_ERROR_INVALID_PTX, FindingKinds.UnsupportedImage, refusal.Message);
        }
        RequireTarget(module, context.Device.Profile);
        return new EmulatedModule(context, module, call);
    }

    public EmulatedFunction GetFunction(string name, string call)
    {
        if (functions.TryGetValue(name, out EmulatedFunction? known))
        {
            return known;
        }
        KernelSignature kernel = Executable.FindKernel(name) ?? throw new CallRefused(CUresult.CUDA_ERROR_NOT_FOUND);
        return functions[name] = new EmulatedFunction(this, kernel, call);
    }

    /// <summary>Unloads it: its functions are gone too.</summary>
    public void Dispose()
    {
        IsUnloaded = true;
        Context.Emulator.Handles.Remove(Handle);
        foreach (EmulatedFunction function in functions.Values)
        {
            Context.Emulator.Handles.Remove(function.Handle);
        }
        Executable.Dispose();
    }

    // PTX is for its target and all later ones, except that sm_90a and its like are for one alone.
    private static void RequireTarget(IExecutableModule module, DeviceProfile device)
    {
        string target = module.Target;
        bool isExact = target.EndsWith('a');
        string number = target.AsSpan(target.IndexOf('_') + 1).TrimEnd("af").ToString();
        if (!int.TryParse(number, out int capability) || capability > device.ComputeCapability
            || (isExact && capability != device.ComputeCapability))
        {
            module.Dispose();
            throw new CallRefused(
                CUresult.CUDA_ERROR_INVALID_PTX, FindingKinds.UnsupportedImage,
                $"the PTX is for {target}, the device is sm_{device.ComputeCapability}");
        }
    }
}
