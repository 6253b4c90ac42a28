namespace FeatureTransform.Native;

/// <summary>A thread's own memory.</summary>
internal sealed unsafe class StreamScratch(int c, int keys, int width)
{
    private readonly AlignedBuffer tile = new((long)(keys + StreamKernels.Padding) * width);

    public PositivePair Pair { get; } = new(c);

    public NegativeBlock Negatives { get; } = new(c);

    public float* Tile => tile.Pointer;

    public int Floats => tile.Length + Pair.Memory.Length + Negatives.Memory.Length;

    public void Poison(float value)
    {
        foreach (AlignedBuffer buffer in new[] { tile, Pair.Memory, Negatives.Memory })
        {
            new Span<float>(buffer.Pointer, buffer.Length).Fill(value);
        }
    }
}
