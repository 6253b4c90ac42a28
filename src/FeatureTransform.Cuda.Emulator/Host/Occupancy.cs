namespace FeatureTransform.Cuda.Emulator.Host;

/// <summary>How many blocks a multiprocessor holds, by the rules of NVIDIA's occupancy calculator.</summary>
internal static class Occupancy
{
    private const int WarpThreads = 32;
    private const int RegisterUnit = 256; // registers are given to a warp in such portions
    private const int SharedUnit = 128; // and shared memory to a block

    public static int RegistersPerWarp(int registersPerThread) => RoundUp(registersPerThread * WarpThreads, RegisterUnit);

    public static int BlocksPerMultiprocessor(EmulatedFunction function, int threads, long dynamicSharedBytes)
    {
        DeviceProfile device = function.Context.Device.Profile;
        if (threads > function.MaxThreads || dynamicSharedBytes > function.MaxDynamicSharedBytes)
        {
            return 0;
        }
        int warps = (threads + WarpThreads - 1) / WarpThreads;
        int blocks = Math.Min(device.BlocksPerMultiprocessor, device.ThreadsPerMultiprocessor / WarpThreads / warps);
        int shared = device.ReservedSharedBytesPerBlock
            + RoundUp(function.Kernel.StaticSharedBytes + (int)dynamicSharedBytes, SharedUnit);
        blocks = Math.Min(blocks, device.SharedBytesPerMultiprocessor / shared);
        return function.Kernel.Registers == 0 ? blocks
            : Math.Min(blocks, device.RegistersPerMultiprocessor / RegistersPerWarp(function.Kernel.Registers) / warps);
    }

    private static int RoundUp(int value, int unit) => (value + unit - 1) / unit * unit;
}
