namespace FeatureTransform.Training.Data;

/// <summary>Zeroed floats that start at a cache line and never move; freed by the garbage collector.</summary>
internal sealed unsafe class AlignedFloats
{
    private const int Alignment = 64;

    private readonly float[] _array;

    /// <summary>Allocates <paramref name="length"/> floats.</summary>
    public AlignedFloats(int length)
    {
        Length = length;
        _array = GC.AllocateArray<float>(length + (Alignment / sizeof(float)), pinned: true);
        fixed (float* start = _array)
        {
            Pointer = (float*)(((nuint)start + Alignment - 1) & ~(nuint)(Alignment - 1));
        }
    }

    /// <summary>Floats.</summary>
    public int Length { get; }

    /// <summary>The first float. Valid as long as this object is alive.</summary>
    public float* Pointer { get; }

    /// <summary>Puts new memory, zeroed, in place of memory that is too small.</summary>
    public static void Reserve(ref AlignedFloats memory, int length)
    {
        if (memory.Length < length)
        {
            memory = new AlignedFloats(length);
        }
    }
}
