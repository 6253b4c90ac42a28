// Names and shapes of what the sample uses of ManagedCuda, so that it compiles where the package is not. It does nothing.
using ManagedCuda.BasicTypes;

namespace ManagedCuda.BasicTypes
{
    public readonly record struct CUcontext(nint Pointer);

    public readonly record struct CUstream(nint Pointer);

    public readonly record struct SizeT(ulong Value)
    {
        public static implicit operator SizeT(int value) => new((ulong)value);

        public static implicit operator ulong(SizeT size) => size.Value;
    }

    public readonly record struct CUdeviceptr(SizeT Pointer);
}

namespace ManagedCuda
{
    public class StandIn : IDisposable
    {
        public void Dispose() => GC.SuppressFinalize(this);

        protected static NotSupportedException Absent() => new("This is only a stand-in for the ManagedCuda package.");
    }

    public sealed class PrimaryContext(int deviceId) : StandIn
    {
        public CUcontext Context => throw Absent();

        public void SetCurrent() => throw new NotSupportedException($"Device {deviceId}: {Absent().Message}");
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
