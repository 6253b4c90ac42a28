using System.Runtime.InteropServices;
using FeatureTransform.Cuda.Emulator.Decoding;

namespace FeatureTransform.Cuda.Emulator.Execution;

/// <summary>
/// One activation of a function: registers of all lanes, parameters of calls, place in the lanes' local memory.
/// </summary>
internal sealed unsafe class Frame : IDisposable
{
    public Frame(DecodedFunction function)
    {
        Function = function;
        Registers = (byte*)NativeMemory.AlignedAlloc((nuint)Math.Max(function.FrameBytes, 64), 64);
        new Span<byte>(Registers, function.FrameBytes).Fill(0xFF); // a poison that is NaN as a float
        Buffer.MemoryCopy(function.Constants, Registers, function.FrameBytes, function.ConstantBytes);
        if (function.ParamBytes > 0)
        {
            Params = (byte*)NativeMemory.AllocZeroed((nuint)(32 * function.ParamBytes));
        }
    }

    public DecodedFunction Function { get; }

    public byte* Registers { get; private set; }

    /// <summary>32 areas of Function.ParamBytes.</summary>
    public byte* Params { get; private set; }

    public Frame? Caller { get; set; }

    /// <summary>The operation of the caller to go on with.</summary>
    public int ReturnPc { get; set; }

    /// <summary>Offset of this frame's variables in each lane's local memory.</summary>
    public int LocalBase { get; set; }

    /// <summary>Lanes that have not returned.</summary>
    public uint Lanes { get; set; }

    public int Depth { get; set; }

    /// <summary>The call's list of results and arguments: their places in the caller's parameters.</summary>
    public int* CallList { get; set; }

    public void Dispose()
    {
        NativeMemory.AlignedFree(Registers);
        NativeMemory.Free(Params);
        Registers = Params = null;
    }
}

internal enum GroupState
{
    Runnable,

    /// <summary>Waits for other lanes of the warp named in a membermask.</summary>
    WarpSync,

    /// <summary>Waits at a barrier of the block.</summary>
    Barrier,

    /// <summary>Waits for the cluster.</summary>
    Cluster,
}

/// <summary>Lanes of a warp that are at the same place.</summary>
internal sealed class Group(Frame frame, int pc, uint mask)
{
    public Frame Frame { get; set; } = frame;

    public int Pc { get; set; } = pc;

    public uint Mask { get; set; } = mask;

    public GroupState State { get; set; }

    /// <summary>The barrier awaited.</summary>
    public int Barrier { get; set; }

    /// <summary>Set where fairness holds the group back so that another can run.</summary>
    public bool IsDeferred { get; set; }
}
