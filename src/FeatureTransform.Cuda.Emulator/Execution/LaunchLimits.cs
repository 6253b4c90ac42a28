using FeatureTransform.Cuda.Emulator.Decoding;

namespace FeatureTransform.Cuda.Emulator.Execution;

/// <summary>What a device refuses to launch.</summary>
internal static class LaunchLimits
{
    public static void Check(DeviceProfile device, DecodedFunction kernel, Dim3 grid, Dim3 block, Dim3 cluster,
        int parameterBytes, int dynamicShared)
    {
        if (Find(device, kernel, grid, block, cluster, parameterBytes, dynamicShared) is { } fault)
        {
            throw new ArgumentException($"{kernel.Name}, grid {grid}, block {block}: {fault}");
        }
    }

    /// <summary>What is wrong with a launch, or null.</summary>
    public static string? Find(DeviceProfile device, DecodedFunction kernel, Dim3 grid, Dim3 block, Dim3 cluster,
        int parameterBytes, int dynamicShared)
    {
        ulong threads = (ulong)block.X * block.Y * block.Z;
        if (threads is 0 or > 1024 || block.X > 1024 || block.Y > 1024 || block.Z > 64)
        {
            return "a block has 1 to 1024 threads, at most 64 in z";
        }
        if (grid.X is 0 or > int.MaxValue || grid.Y is 0 or > 65535 || grid.Z is 0 or > 65535)
        {
            return "a grid has 1 to 2^31-1 blocks in x, 1 to 65535 in y and z";
        }
        (int x, int y, int z) = kernel.Source.MaxThreads;
        if (x > 0 && (kernel.Source.RequiresThreads ? (block.X, block.Y, block.Z) != ((uint)x, (uint)y, (uint)z)
            : threads > (ulong)x * (ulong)y * (ulong)z))
        {
            return $"the kernel was compiled for {(kernel.Source.RequiresThreads ? "" : "at most ")}{x} x {y} x {z} "
                + $"threads a block";
        }
        if (parameterBytes != kernel.KernelParamBytes)
        {
            return $"the parameters of the kernel have {kernel.KernelParamBytes} bytes, {parameterBytes} are given";
        }
        if (dynamicShared < 0 || kernel.SharedBytes + (long)dynamicShared > device.SharedBytesPerBlockOptIn)
        {
            return $"{kernel.SharedBytes} bytes of static and {dynamicShared} of dynamic shared memory exceed the "
                + $"{device.SharedBytesPerBlockOptIn} of a block";
        }
        if (cluster.X == 0 || cluster.Y == 0 || cluster.Z == 0 || grid.X % cluster.X != 0 || grid.Y % cluster.Y != 0
            || grid.Z % cluster.Z != 0)
        {
            return $"clusters of {cluster} do not divide the grid";
        }
        ulong blocks = (ulong)cluster.X * cluster.Y * cluster.Z;
        return blocks > 1 && device.Major < 9 ? "the device has no clusters" : blocks > 16 ? "a cluster has at most 16 blocks"
            : null;
    }
}
