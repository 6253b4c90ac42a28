using FeatureTransform.Cuda.Emulator.Execution;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>
/// The init check of registers: a word of the frame says for each lane whether a register was written. Only registers that may be
/// read first have one.
/// </summary>
internal static unsafe class RegisterOperations
{
    /// <summary>At the start of a function: nothing was written.</summary>
    public static void Clear(Warp w, Op* op) => *(uint*)(w.R + op->D) = 0;

    /// <summary>Before an operation that writes.</summary>
    public static void Mark(Warp w, Op* op) => *(uint*)(w.R + op->D) |= w.Mask;

    /// <summary>Before an operation that computes: its result is as good as its sources, the list.</summary>
    public static void Compute(Warp w, Op* op)
    {
        uint written = w.Mask;
        for (int i = 0; i < op->ListLength; i++)
        {
            written &= *(uint*)(w.R + op->List[i]);
        }
        ref uint target = ref *(uint*)(w.R + op->D);
        target = (target & ~w.Mask) | written;
    }

    /// <summary>Before an operation by which a value leaves its register; Immediate is the register's number.</summary>
    public static void Check(Warp w, Op* op)
    {
        ref uint written = ref *(uint*)(w.R + op->A);
        uint bad = w.Mask & ~written;
        if (bad != 0)
        {
            w.Block.Report(w, op, Checks.Initialization, "uninitialised register", bad, 0,
                $"uses {w.Frame.Function.Source.Registers[(int)op->Immediate].Name}, which was never written, or what was computed of "
                + "such a register");
            written |= bad;
        }
    }
}
