using System.Numerics;
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

/// <summary>
/// A cell for each few bytes of a region, made when something near is touched for the first time. Not safe for use by several threads at
/// once.
/// </summary>
internal sealed unsafe class RaceShadow : IDisposable
{
    /// <summary>Cells that are made at a time.</summary>
    public const int PageCells = 4096;

    /// <summary>
    /// What is touched beyond so many pages is not watched, as the cells of a region would need more than 2 GiB.
    /// </summary>
    public const int MostPages = 4800;

    [ThreadStatic]
    private static RaceCell unwatched;

    private readonly int pageCount, mostPages, shift;
    private readonly RaceCell** pages; // null where nothing was touched
    private int made;

    /// <param name="bytes">Of the region.</param>
    /// <param name="granularity">Bytes of a cell, a power of two.</param>
    /// <param name="mostPages">See <see cref="MostPages"/>.</param>
    public RaceShadow(ulong bytes, int granularity, int mostPages = MostPages)
    {
        (Granularity, shift, this.mostPages) = (granularity, BitOperations.Log2((uint)granularity), mostPages);
        ulong cells = (bytes / (ulong)granularity) + 2; // an access may begin in the last cell and end behind it
        pageCount = checked((int)((cells + PageCells - 1) / PageCells));
        pages = (RaceCell**)NativeMemory.AllocZeroed((nuint)pageCount, (nuint)sizeof(RaceCell*));
    }

    ~RaceShadow() => Free();

    public int Granularity { get; }

    /// <summary>The cells of what was accessed in a launch.</summary>
    public IEnumerable<(ulong Offset, RaceCell Cell)> Of(int launch)
    {
        for (int page = 0; page < pageCount; page++)
        {
            for (int i = 0; i < PageCells && IsMade(page); i++)
            {
                if (Peek(page, i) is var cell && cell.Launch == launch)
                {
                    yield return ((((ulong)page * PageCells) + (ulong)i) * (ulong)Granularity, cell);
                }
            }
        }
    }

    /// <summary>The cell of a byte, emptied where it stems from an earlier launch; one that forgets where the byte is not watched.</summary>
    public ref RaceCell At(ulong offset, int launch)
    {
        ulong index = offset >> shift;
        RaceCell* page = pages[index / PageCells];
        ref RaceCell cell = ref page != null ? ref page[index % PageCells] : ref New(index);
        if (cell.Launch != launch)
        {
            cell.Launch = launch;
            cell.ReadOnlyReader = 0;
            cell.Writer.Block = cell.Reader.Block = cell.OtherReader.Block = -1;
        }
        return ref cell;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private ref RaceCell New(ulong index)
    {
        if (made == mostPages)
        {
            unwatched.Launch = 0; // of no launch
            return ref unwatched;
        }
        made++;
        RaceCell* page = pages[index / PageCells] = (RaceCell*)NativeMemory.AllocZeroed(PageCells, (nuint)sizeof(RaceCell));
        return ref page[index % PageCells];
    }

    private bool IsMade(int page) => pages[page] != null;

    private RaceCell Peek(int page, int i) => pages[page][i];

    private void Free()
    {
        for (int page = 0; page < pageCount; page++)
        {
            NativeMemory.Free(pages[page]);
        }
        NativeMemory.Free(pages);
    }
}
