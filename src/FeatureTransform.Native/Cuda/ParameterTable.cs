namespace FeatureTransform.Native.Cuda;

/// <summary>What an optimiser does to a tensor: ParameterFlags of kernels/common/parameters.cuh.</summary>
[Flags]
internal enum ParameterFlags : uint
{
    None = 0,

    /// <summary>Weight decay.</summary>
    Decay = 1,

    /// <summary>LARS scales the update.</summary>
    TrustRatio = 2,

    /// <summary>The gradient is at the same place of the bf16 array.</summary>
    Bf16Gradient = 4,
}

/// <summary>A piece of one tensor, the work of one block.</summary>
internal struct ParameterChunk
{
    public ulong First;
    public uint Count, Segment;
}

/// <summary>A tensor of the flat array.</summary>
internal struct ParameterSegment
{
    public uint FirstChunk, Chunks, Flags;
    public uint Reserved;
}

/// <summary>What the optimisers work on: ParameterArrays of kernels/common/parameters.cuh.</summary>
internal struct ParameterArrays
{
    public ulong Chunks, Segments, Weights, Gradient, GradientBf16, Velocity, WeightsBf16, LearningRate, Loss;
}

/// <summary>
/// How a flat array of tensors is cut, so that one launch serves all of them: goes to the device once.
/// </summary>
internal sealed class ParameterTable
{
    /// <summary>Most elements of a chunk.</summary>
    public const int Chunk = 8192;

    private const int Quad = 4;

    private readonly List<ParameterChunk> chunks = [];
    private readonly List<ParameterSegment> segments = [];

    public ReadOnlySpan<ParameterChunk> Chunks => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(chunks);

    public ReadOnlySpan<ParameterSegment> Segments => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(segments);

    /// <summary>Adds a tensor of the array.</summary>
    /// <param name="first">Its first element, a multiple of 4.</param>
    /// <param name="count">Its elements, padding included, a multiple of 4; at least 4.</param>
    /// <param name="flags">What the optimiser does to it.</param>
    /// <exception cref="ArgumentException">A number is no such multiple.</exception>
    public void Add(long first, long count, ParameterFlags flags)
    {
        if (first < 0 || first % Quad != 0 || count < Quad || count % Quad != 0)
        {
            throw new ArgumentException($"A tensor must begin at a multiple of 4 and be padded to one; given {first} and {count}.", nameof(first));
        }

        int firstChunk = chunks.Count;
        for (long done = 0; done < count; done += Chunk)
        {
            chunks.Add(new ParameterChunk
            {
                First = (ulong)(first + done),
                Count = (uint)Math.Min(Chunk, count - done),
                Segment = (uint)segments.Count,
            });
        }

        segments.Add(new ParameterSegment
        {
            FirstChunk = (uint)firstChunk,
            Chunks = (uint)(chunks.Count - firstChunk),
            Flags = (uint)flags,
        });
    }
}
