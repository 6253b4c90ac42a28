#pragma warning disable CA1822
using FeatureTransform.Cuda.Emulator.Memory;

namespace FeatureTransform.Cuda.Emulator.Execution;

/// <summary>The race check.</summary>
internal sealed unsafe partial class BlockRun
{
    private void ResetRaces()
    {
    }

    private void NoteArrival(Warp w, uint lanes, int barrier)
    {
    }

    private void OnBarrier(int barrier)
    {
    }

    public void OnWarpSync(Warp w, uint lanes, uint peers)
    {
    }

    public void OnFence(Warp w, Op* op)
    {
    }

    private void CheckRace(Warp w, Op* op, Region region, uint lanes, int bytes, Access access)
    {
    }

    public void OnAsyncIssue(Warp w, Op* op, Region shared, uint lanes, ulong* offsets, int bytes)
    {
    }

    public void OnAsyncRead(Warp w, Op* op, Region source, uint lanes, int bytes)
    {
    }

    private void NoteAsyncDone(Warp w, in AsyncCopy copy)
    {
    }

    private void OnClusterChange()
    {
    }
}
