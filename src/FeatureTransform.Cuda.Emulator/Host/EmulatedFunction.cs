namespace FeatureTransform.Cuda.Emulator.Host;

/// <summary>A kernel of a module, with what the host sets for its launches.</summary>
internal sealed class EmulatedFunction(EmulatedModule module, KernelSignature kernel, string madeBy)
    : HostObject(module.Context, HandleKind.Function, madeBy)
{
    private int carveout = -1;

    public EmulatedModule Module { get; } = module;

    public KernelSignature Kernel { get; } = kernel;

    /// <summary>The most dynamic shared memory of a launch, 48 KB less the static one until it is set.</summary>
    public int MaxDynamicSharedBytes { get; private set; } =
        Math.Max(0, module.Context.Device.Profile.SharedBytesPerBlock - kernel.StaticSharedBytes);

    /// <summary>Whether clusters of more than 8 blocks may be launched.</summary>
    public bool AllowsLargeClusters { get; private set; }

    public int MaxThreads
    {
        get
        {
            DeviceProfile device = Context.Device.Profile;
            int most = Kernel.MaxThreads is { } threads ? (int)(threads.X * threads.Y * threads.Z) : device.ThreadsPerBlock;
            int byRegisters = Kernel.Registers > 0
                ? device.RegistersPerMultiprocessor / Occupancy.RegistersPerWarp(Kernel.Registers) * 32 : most;
            return Math.Min(Math.Min(most, device.ThreadsPerBlock), byRegisters);
        }
    }

    /// <summary>The value of a CUfunction_attribute.</summary>
    public int GetAttribute(int attribute)
    {
        return attribute switch
        {
            0 => MaxThreads,
            1 => Kernel.StaticSharedBytes,
            2 => Kernel.ConstantBytes,
            3 => Kernel.LocalBytes,
            4 => Kernel.Registers,
            5 => int.Parse(Module.Executable.Target.AsSpan(3).TrimEnd("af")), // PTX version
            6 => Context.Device.Profile.ComputeCapability, // binary version
            7 => 0, // cache mode
            8 => MaxDynamicSharedBytes,
            9 => carveout,
            10 => Kernel.RequiredCluster is null ? 0 : 1,
            11 => (int)(Kernel.RequiredCluster?.X ?? 0),
            12 => (int)(Kernel.RequiredCluster?.Y ?? 0),
            13 => (int)(Kernel.RequiredCluster?.Z ?? 0),
            14 => AllowsLargeClusters ? 1 : 0,
            15 => 0, // scheduling of clusters
            _ => throw new CallRefused(
                CUresult.CUDA_ERROR_INVALID_VALUE, FindingKinds.InvalidArgument, $"{attribute} is no attribute of a function"),
        };
    }

    public void SetAttribute(int attribute, int value)
    {
        DeviceProfile device = Context.Device.Profile;
        switch (attribute)
        {
            case 8 when value >= 0 && value <= device.SharedBytesPerBlockOptIn - Kernel.StaticSharedBytes:
                MaxDynamicSharedBytes = value;
                break;
            case 9 when value is >= -1 and <= 100:
                carveout = value;
                break;
            case 14 when device.HasClusters:
                AllowsLargeClusters = value != 0;
                break;
            default:
                throw new CallRefused(
                    CUresult.CUDA_ERROR_INVALID_VALUE, FindingKinds.InvalidArgument,
                    $"attribute {attribute} of {Kernel.Name} cannot be {value}"
                    + (attribute == 8
                        ? $"; a block has {device.SharedBytesPerBlockOptIn} bytes, {Kernel.StaticSharedBytes} of them static"
                        : ""));
        }
    }
}
