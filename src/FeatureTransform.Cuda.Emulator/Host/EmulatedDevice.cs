namespace FeatureTransform.Cuda.Emulator.Host;

/// <summary>One device of an emulator, and its primary context while that is retained.</summary>
internal sealed class EmulatedDevice(Emulator emulator, int ordinal)
{
    private const int EmulatorShift = 8;
    private int retained;

    public Emulator Emulator { get; } = emulator;

    public int Ordinal { get; } = ordinal;

    public DeviceProfile Profile => Emulator.Options.Device;

    /// <summary>The CUdevice: it holds the emulator's number too.</summary>
    public int Handle => (Emulator.Number << EmulatorShift) | Ordinal;

    public EmulatedContext? Primary { get; private set; }

    /// <summary>The emulator of a CUdevice; a bare ordinal is of the one that was used last.</summary>
    public static Emulator? EmulatorOf(int device) =>
        device >> EmulatorShift == 0 ? Emulator.LastLive() : Emulator.Of(device >> EmulatorShift);

    /// <summary>The device of a CUdevice.</summary>
    /// <exception cref="CallRefused">There is none.</exception>
    public static EmulatedDevice Get(Emulator emulator, int device)
    {
        int ordinal = device & ((1 << EmulatorShift) - 1);
        return ordinal < emulator.Devices.Count
            ? emulator.Devices[ordinal]
            : throw new CallRefused(
                CUresult.CUDA_ERROR_INVALID_DEVICE, FindingKinds.InvalidHandle, $"0x{device:x} is no device of this driver");
    }

    public EmulatedContext Retain(string call)
    {
        retained++;
        return Primary ??= new EmulatedContext(this, call);
    }

    public void Release(string call)
    {
        if (retained == 0)
        {
            throw new CallRefused(
                CUresult.CUDA_ERROR_INVALID_CONTEXT, FindingKinds.DoubleDestroy,
                $"the primary context of device {Ordinal} is not retained");
        }
        if (--retained == 0)
        {
            Primary!.Destroy(call);
            Primary = null;
        }
    }

    /// <summary>The value of a CUdevice_attribute; null where it is not known.</summary>
    public int? Attribute(int attribute) => attribute switch
    {
        1 or 2 or 3 => Profile.ThreadsPerBlock, // threads of a block, in x, in y
        4 => 64, // in z
        5 => int.MaxValue, // blocks in x
        6 or 7 => 65535, // in y, in z
        8 => Profile.SharedBytesPerBlock,
        9 => 65536, // constant memory
        10 => 32, // warp
        11 => int.MaxValue, // pitch
        12 or 82 => Profile.RegistersPerMultiprocessor,
        13 => Profile.ClockKilohertz,
        14 => 512, // alignment of textures
        15 or 19 or 31 or 41 => 1, // overlap, mapped host memory, concurrent kernels, unified addressing
        16 => Profile.Multiprocessors,
        17 or 18 or 20 or 33 or 34 or 50 => 0, // time limit, integrated, compute mode, PCI numbers
        32 => 1, // ECC
        35 => 0,
        36 => Profile.MemoryClockKilohertz,
        37 => Profile.MemoryBusBits,
        38 => Profile.L2Bytes,
        39 => Profile.ThreadsPerMultiprocessor,
        40 => 3, // copy engines
        75 => Profile.Major,
        76 => Profile.Minor,
        78 or 79 or 80 => 1, // stream priorities, caching of global and local memory
        81 => Profile.SharedBytesPerMultiprocessor,
        83 => 1, // managed memory
        84 or 85 or 86 or 88 => 0, // several devices a board, atomics with the host, pageable access
        89 or 90 or 91 or 95 or 99 => 1, // managed access, preemption, registered pointers, cooperative launch, registering
        97 => Profile.SharedBytesPerBlockOptIn,
        106 => Profile.BlocksPerMultiprocessor,
        111 => Profile.ReservedSharedBytesPerBlock,
        115 => 1, // memory pools
        120 => Profile.HasClusters ? 1 : 0,
        _ => null,
    };
}
