// Names and shapes of what the sample uses of ManagedCuda, so that it compiles where the package is not. It does nothing.
namespace ManagedCuda.BasicTypes
{
    public struct CUcontext
    {
        public nint Pointer;
    }

    public struct CUstream
    {
        public nint Pointer;
    }

    public struct SizeT(ulong value)
    {
        public static implicit operator SizeT(int value) => new((ulong)value);

        public static implicit operator ulong(SizeT size) => size.value;

        private readonly ulong value = value;
    }

    public struct CUdeviceptr
    {
        public SizeT Pointer;
    }
}

namespace ManagedCuda
{
    using ManagedCuda.BasicTypes;

    public class StandIn : IDisposable
    {
        public void Dispose() => GC.SuppressFinalize(this);

        protected static NotSupportedException Absent() => new("This is only a stand-in for the ManagedCuda package.");
    }

    public sealed class PrimaryContext(int deviceId) : StandIn
    {
        public int DeviceId => deviceId;

        public CUcontext Context => throw Absent();

        public void SetCurrent() => throw Absent();
    }

    public sealed class CudaStream : StandIn
    {
        public CUstream Stream => throw Absent();

        public void Synchronize() => throw Absent();
    }

    public sealed class CudaDeviceVariable<T>(SizeT size) : StandIn
        where T : struct
    {
        public SizeT Size => size;

        public CUdeviceptr DevicePointer => throw Absent();
    }
}
