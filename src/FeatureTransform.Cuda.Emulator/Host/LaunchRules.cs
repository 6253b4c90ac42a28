namespace FeatureTransform.Cuda.Emulator.Host;

/// <summary>The limits of a launch, as a device and the kernel's own directives set them.</summary>
internal static class LaunchRules
{
    private const uint MostBlocksYZ = 65535;
    private const uint MostThreadsZ = 64;
    private const int PortableCluster = 8;
    private const int LargestCluster = 16;

    /// <summary>What is to be run.</summary>
    /// <exception cref="CallRefused">The device would not launch it.</exception>
    public static KernelLaunch Check(EmulatedFunction function, in LaunchRequest request)
    {
        KernelSignature kernel = function.Kernel;
        Dim3 grid = request.Grid, block = request.Block;
        if (IsEmpty(grid) || grid.X > int.MaxValue || grid.Y > MostBlocksYZ || grid.Z > MostBlocksYZ)
        {
            throw Refused(CUresult.CUDA_ERROR_INVALID_VALUE, $"{kernel.Name}: a grid of {grid} blocks; the limits are 1 and "
                + $"{new Dim3(int.MaxValue, MostBlocksYZ, MostBlocksYZ)}");
        }
        DeviceProfile device = function.Context.Device.Profile;
        ulong threads = (ulong)block.X * block.Y * block.Z;
        uint mostThreads = (uint)device.ThreadsPerBlock;
        if (IsEmpty(block) || block.X > mostThreads || block.Y > mostThreads || block.Z > MostThreadsZ || threads > mostThreads)
        {
            throw Refused(CUresult.CUDA_ERROR_INVALID_VALUE, $"{kernel.Name}: a block of {block} threads; the limits are 1 and "
                + $"{new Dim3(mostThreads, mostThreads, MostThreadsZ)}, {mostThreads} in all");
        }
        CheckThreads(function, block, threads);
        if (request.DynamicSharedBytes > function.MaxDynamicSharedBytes)
        {
            throw Refused(CUresult.CUDA_ERROR_INVALID_VALUE,
                $"{kernel.Name}: {request.DynamicSharedBytes} bytes of dynamic shared memory; "
                + $"CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES is {function.MaxDynamicSharedBytes}");
        }
        Dim3 cluster = CheckCluster(function, request);
        if (request.IsCooperative)
        {
            CheckCooperative(function, request, (int)threads);
        }
        byte[] parameters = request.CopyParameters(kernel);
        return new KernelLaunch(kernel, grid, block, cluster, request.DynamicSharedBytes, parameters, request.IsCooperative);
    }

    private static void CheckThreads(EmulatedFunction function, Dim3 block, ulong threads)
    {
        KernelSignature kernel = function.Kernel;
        if (kernel is { RequiresThreads: true, MaxThreads: { } required } && required != block)
        {
            throw Refused(CUresult.CUDA_ERROR_INVALID_VALUE,
                $"{kernel.Name}: a block of {block} threads; .reqntid asks for {required}");
        }
        if (threads > (ulong)function.MaxThreads)
        {
            string reason = kernel.MaxThreads is { } most ? $".maxntid allows {most}" : $"{kernel.Registers} registers a thread";
            throw Refused(
                CUresult.CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES,
                $"{kernel.Name}: a block of {block} threads; it may have {function.MaxThreads} ({reason})");
        }
    }

    private static Dim3 CheckCluster(EmulatedFunction function, in LaunchRequest request)
    {
        KernelSignature kernel = function.Kernel;
        if (request.Cluster is null && kernel.RequiredCluster is null)
        {
            return new Dim3(1);
        }
        Dim3 cluster = request.Cluster ?? kernel.RequiredCluster!.Value;
        if (!function.Context.Device.Profile.HasClusters)
        {
            throw Refused(CUresult.CUDA_ERROR_NOT_SUPPORTED, $"{kernel.Name}: clusters need compute capability 9.0");
        }
        if (kernel.RequiredCluster is { } required && required != cluster)
        {
            throw Refused(CUresult.CUDA_ERROR_INVALID_CLUSTER_SIZE, $"{kernel.Name}: a cluster of {cluster} blocks; "
                + $".reqnctapercluster asks for {required}");
        }
        int most = function.AllowsLargeClusters ? LargestCluster : PortableCluster;
        if (IsEmpty(cluster) || (ulong)cluster.X * cluster.Y * cluster.Z > (ulong)most)
        {
            throw Refused(CUresult.CUDA_ERROR_INVALID_CLUSTER_SIZE,
                $"{kernel.Name}: a cluster of {cluster} blocks; it may have {most}");
        }
        Dim3 grid = request.Grid;
        if (grid.X % cluster.X != 0 || grid.Y % cluster.Y != 0 || grid.Z % cluster.Z != 0)
        {
            throw Refused(CUresult.CUDA_ERROR_INVALID_CLUSTER_SIZE,
                $"{kernel.Name}: a grid of {grid} blocks cannot be divided into "
                + $"clusters of {cluster}");
        }
        return cluster;
    }

    private static void CheckCooperative(EmulatedFunction function, in LaunchRequest request, int threads)
    {
        ulong blocks = (ulong)request.Grid.X * request.Grid.Y * request.Grid.Z;
        ulong most = (ulong)function.Context.Device.Profile.Multiprocessors
            * (ulong)Occupancy.BlocksPerMultiprocessor(function, threads, request.DynamicSharedBytes);
        if (blocks > most)
        {
            throw Refused(CUresult.CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE,
                $"{function.Kernel.Name}: {blocks} blocks; the device holds {most} at once");
        }
    }

    private static bool IsEmpty(Dim3 size) => size.X == 0 || size.Y == 0 || size.Z == 0;

    private static CallRefused Refused(CUresult code, string message) => new(code, FindingKinds.LaunchRefused, message);
}
