namespace FeatureTransform.Native;

/// <summary>Floats on a cache line boundary, at an address that stays while the object lives.</summary>
internal sealed unsafe class AlignedBuffer
{
    private const int LineBytes = 64;
    private readonly byte[] memory;

    public AlignedBuffer(long floats)
    {
        memory = GC.AllocateUninitializedArray<byte>(checked((int)((floats * sizeof(float)) + LineBytes)), pinned: true);
        Length = (int)floats;
    }

    public int Length { get; }

    public float* Pointer
    {
        get
        {
            nint address = (nint)System.Runtime.CompilerServices.Unsafe.AsPointer(ref memory[0]);
            return (float*)((address + LineBytes - 1) / LineBytes * LineBytes);
        }
    }
}
