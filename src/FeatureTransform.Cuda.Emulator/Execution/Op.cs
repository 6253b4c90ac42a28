using System.Runtime.InteropServices;

namespace FeatureTransform.Cuda.Emulator.Execution;

internal enum OpKind : byte
{
    /// <summary>Runs for all lanes of the group.</summary>
    Plain,

    /// <summary>Runs for the lanes whose guard holds.</summary>
    Guarded,

    /// <summary>Decides itself where the group goes on: branches, barriers, warp-wide operations.</summary>
    Control,
}

/// <summary>
/// A decoded instruction. Registers are byte offsets into the frame's register file, where a 32-bit register is 32 words, one
/// a lane, a 64-bit register 32 double words, and a predicate one word of 32 bits.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct Op
{
    /// <summary>What executes it.</summary>
    public delegate*<Warp, Op*, void> Run;

    /// <summary>The part of a general handler that differs: a scalar function or the body of a warp-wide operation.</summary>
    public void* Body;

    public int D;
    public int D2;
    public int A;
    public int B;
    public int C;

    /// <summary>Offset of the guard, meaningful for guarded and control operations; -1 for none.</summary>
    public int Guard;

    /// <summary>All ones where the guard is negated.</summary>
    public uint GuardFlip;

    public OpKind Kind;

    /// <summary>Which registers are 64 bits wide.</summary>
    public Wide Wide;

    /// <summary>Bytes of a memory element.</summary>
    public byte Size;

    /// <summary>Elements of a vector.</summary>
    public byte Count;

    public StateSpaceCode Space;

    public bool Signed;

    /// <summary>Meaning by operation: rounding, comparison, form.</summary>
    public byte Mode;

    /// <summary>Meaning by operation: how a predicate combines, flags.</summary>
    public byte Form;

    public long Immediate;

    /// <summary>Operation index a branch leads to.</summary>
    public int Target;

    /// <summary>Index within the function.</summary>
    public int Index;

    /// <summary>Registers beyond the named ones, ListLength of them.</summary>
    public int* List;

    public int ListLength;
}

[Flags]
internal enum Wide : byte
{
    None = 0,
    D = 1,
    A = 2,
    B = 4,
    C = 8,
}

/// <summary>Where a memory operation goes.</summary>
internal enum StateSpaceCode : byte
{
    Generic,
    Global,
    Shared,
    Local,

    /// <summary>The parameters of the kernel, the same for all threads.</summary>
    KernelParam,

    /// <summary>The parameters of calls, each lane its own.</summary>
    FrameParam,
}
