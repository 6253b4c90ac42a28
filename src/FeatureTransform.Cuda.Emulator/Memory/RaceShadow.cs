using System.Runtime.InteropServices;

namespace FeatureTransform.Cuda.Emulator.Memory;

/// <summary>Who last touched a cell of memory, and when by the clocks of its warp and block.</summary>
internal struct RaceAccess
{
    /// <summary>Number of the block, -1 for nobody.</summary>
    public int Block;

    /// <summary>The warp's clock.</summary>
    public int Stamp;

    /// <summary>The block's count of fences.</summary>
    public int Epoch;

    /// <summary>Number of the operation within the module.</summary>
    public int Operation;

    /// <summary>Which execution of an operation it was, to tell lanes of one instruction from each other.</summary>
    public int Serial;

    public uint Lanes;

    public byte Warp;

    /// <summary>An atomic, or an access meant for communication.</summary>
    public bool IsStrong;

    /// <summary>A copy by cp.async whose thread has not waited for it.</summary>
    public bool IsPending;
}

/// <summary>The last writer of a cell and the last readers from two warps.</summary>
internal struct RaceCell
{
    /// <summary>The launch it belongs to; what earlier launches did is over.</summary>
    public int Launch;

    /// <summary>One more than the operation that read it by ld.global.nc; 0 for none.</summary>
    public int ReadOnlyReader;

    public RaceAccess Writer;
    public RaceAccess Reader;
    public RaceAccess OtherReader;
}

/// <summary>A cell for each few bytes of a region.</summary>
internal sealed unsafe class RaceShadow(ulong bytes, int granularity) : IDisposable
{
    /// <summary>Larger regions are not watched: their cells would need more than a gigabyte.</summary>
    public const ulong MostBytes = 16 << 20;

    private readonly RaceCell* cells = (RaceCell*)NativeMemory.AllocZeroed(
        (nuint)((bytes + (ulong)granularity - 1) / (ulong)granularity + 1), (nuint)sizeof(RaceCell));

    public int Granularity { get; } = granularity;

    ~RaceShadow() => NativeMemory.Free(cells);

    /// <summary>The cells of what was accessed in a launch.</summary>
    public IEnumerable<(ulong Offset, RaceCell Cell)> Of(int launch)
    {
        for (ulong offset = 0; offset < bytes; offset += (ulong)Granularity)
        {
            if (Peek(offset) is var cell && cell.Launch == launch)
            {
                yield return (offset, cell);
            }
        }
    }

    /// <summary>The cell of a byte, emptied where it stems from an earlier launch.</summary>
    public ref RaceCell At(ulong offset, int launch)
    {
        ref RaceCell cell = ref cells[offset / (ulong)Granularity];
        if (cell.Launch != launch)
        {
            cell.Launch = launch;
            cell.ReadOnlyReader = 0;
            cell.Writer.Block = cell.Reader.Block = cell.OtherReader.Block = -1;
        }
        return ref cell;
    }

    private RaceCell Peek(ulong offset) => cells[offset / (ulong)Granularity];

    public void Dispose()
    {
        NativeMemory.Free(cells);
        GC.SuppressFinalize(this);
    }
}
