using System.Numerics;
using System.Runtime.InteropServices;
using FeatureTransform.Cuda.Emulator.Memory;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Execution;

/// <summary>One block while it runs: its warps, shared memory and barriers.</summary>
internal sealed unsafe partial class BlockRun : IDisposable
{
    private readonly Warp[] warps;
    private int localBytes;

    public BlockRun(LaunchContext launch)
    {
        Launch = launch;
        Shared = new Region("shared memory", 0, launch.SharedBytes);
        localBytes = launch.Kernel.LocalBytes;
        if (launch.Options.Counters)
        {
            Counts = (OperationCounts*)NativeMemory.AllocZeroed((nuint)(launch.Module.OperationCount * sizeof(OperationCounts)));
        }
        warps = new Warp[(launch.ThreadCount + 31) / 32];
        for (int i = 0; i < warps.Length; i++)
        {
            warps[i] = new Warp(this, i, LanesOf(i));
            warps[i].EnsureLocal(localBytes);
        }
        checksRaces = (launch.Options.Checks & Checks.Races) != 0;
        checksWritten = (launch.Options.Checks & Checks.Initialization) != 0;
    }

    public LaunchContext Launch { get; }

    public Region Shared { get; }

    public ulong SharedBytes => Launch.SharedBytes;

    public IReadOnlyList<Warp> Warps => warps;

    /// <summary>%ctaid.</summary>
    public Dim3 Index { get; private set; }

    /// <summary>The other blocks of the cluster by rank, this one included; null without clusters.</summary>
    public BlockRun[]? Cluster { get; private set; }

    public uint ClusterRank { get; private set; }

    public int LiveThreads { get; private set; }

    public bool IsDone => LiveThreads == 0;

    /// <summary>Instructions that its warps have executed, since it was made.</summary>
    public long Executed => warps.Sum(w => w.Executed);

    /// <summary>Prepares for another block of the grid.</summary>
    public void Start(Dim3 index)
    {
        Index = index;
        LiveThreads = Launch.ThreadCount;
        Array.Clear(barriers);
        Shared.Poison();
        ResetRaces();
        for (int i = 0; i < warps.Length; i++)
        {
            warps[i].Start(LanesOf(i));
            warps[i].Local?.Poison();
        }
    }

    /// <summary>
    /// Gives every warp a turn. False when nothing could run: the block is done, waits for others, or is stuck.
    /// </summary>
    public bool Step(ReadOnlySpan<int> order)
    {
        bool ran = false;
        foreach (int i in order)
        {
            Warp warp = warps[i];
            if (warp.IsDone)
            {
                continue;
            }
            warp.Run();
            ran |= warp.Ran;
        }
        return ran;
    }

    /// <summary>The shared memory an address belongs to, by its rank field; null where there is none.</summary>
    public Region? SharedOf(uint field, out ulong found)
    {
        found = field;
        return field == 0 ? Shared : Cluster is { } blocks ? field <= blocks.Length ? blocks[field - 1].Shared : null : field == 1
            ? Shared : null;
    }

    public void NeedLocal(int bytes)
    {
        if (bytes > localBytes)
        {
            localBytes = bytes;
            foreach (Warp warp in warps)
            {
                warp.EnsureLocal(bytes);
            }
        }
    }

    /// <summary>Called by a warp whose lanes have exited.</summary>
    public void OnExit(Warp warp, uint lanes)
    {
        LiveThreads -= BitOperations.PopCount(lanes);
        if (IsDone)
        {
            CheckLeave(warp);
        }
        for (int id = 0; id < barriers.Length; id++)
        {
            if (barriers[id].Arrived > 0)
            {
                TryComplete(id);
            }
        }
        CompleteCluster();
    }

    /// <summary>The thread index of a lane.</summary>
    public Dim3 ThreadOf(Warp warp, int lane)
    {
        uint thread = (uint)(warp.Index * 32 + lane), x = Launch.Block.X, y = Launch.Block.Y;
        return new Dim3(thread % x, thread / x % y, thread / x / y);
    }

    /// <summary>Reports a defect at an operation, where its check is on.</summary>
    public void Report(Warp warp, Op* op, Checks check, string kind, uint lanes, ulong address, string message)
    {
        if ((Launch.Options.Checks & check) != 0)
        {
            Report(warp, warp.Frame.Function.SourceOf(op), check, kind, lanes, address, message);
        }
    }

    /// <summary>The same at an operation that may be another block's, by its number in the module.</summary>
    private void ReportAt(int operation, Warp warp, Checks check, string kind, ulong address, string message)
    {
        if ((Launch.Options.Checks & check) != 0)
        {
            Report(warp, Launch.Module.InstructionOf(operation), check, kind, 1, address, message);
        }
    }

    private void Report(Warp warp, PtxInstruction source, Checks check, string kind, uint lanes, ulong address, string message)
    {
        (string? file, int line, IReadOnlyList<string> chain) = Launch.Module.Place(source.Location);
        Launch.Add(new Finding
        {
            Check = check,
            Kind = kind,
            Kernel = Launch.Kernel.Name,
            File = file,
            Line = line,
            InlinedFrom = chain,
            PtxLine = source.Line,
            Block = Index,
            Thread = ThreadOf(warp, BitOperations.TrailingZeroCount(lanes | 1u << 31)),
            Address = address,
            Message = $"{source.Form}: {message}",
            Count = Math.Max(1, BitOperations.PopCount(lanes)),
        });
    }

    private uint LanesOf(int warp)
    {
        int lanes = Math.Min(32, Launch.ThreadCount - 32 * warp);
        return lanes == 32 ? ~0u : (1u << lanes) - 1;
    }

    public void Dispose()
    {
        foreach (Warp warp in warps)
        {
            warp.Dispose();
            warp.Local?.Dispose();
        }
        Shared.Dispose();
        NativeMemory.Free(Counts);
        Counts = null;
    }
}
