using System.Numerics;
using FeatureTransform.Cuda.Emulator.Decoding;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>Branches, calls and exits.</summary>
internal static unsafe class ControlOperations
{
    public static void Branch(Warp w, Op* op) => w.Branch(op, w.Mask, op->Target);

    /// <summary>brx.idx: the lanes of one index go together; the others come back to the instruction.</summary>
    public static void BranchIndexed(Warp w, Op* op)
    {
        uint lanes = w.Mask;
        uint index = ((uint*)(w.R + op->A))[BitOperations.TrailingZeroCount(lanes)];
        if (index >= (uint)op->ListLength)
        {
            throw new KernelFault(KernelFaultKind.IllegalInstruction, $"brx.idx with index {index} of {op->ListLength} targets");
        }
        uint same = 0;
        for (uint m = lanes; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            same |= ((uint*)(w.R + op->A))[lane] == index ? 1u << lane : 0;
        }
        if (same != lanes)
        {
            w.Mask = lanes;
            Group rest = w.Detach(op);
            // Of the detached lanes, those of this index go on to the target, the rest stays at the instruction.
            rest.Mask = lanes & ~same;
            w.AddGroup(op->List[index], same);
            return;
        }
        w.Branch(op, same, op->List[index]);
    }

    public static void Exit(Warp w, Op* op) => w.Exit(op);

    public static void Trap(Warp w, Op* op)
    {
        w.Block.Report(w, op, Checks.Memory, "trap", w.Mask, 0, "the kernel executed trap");
        throw new KernelFault(KernelFaultKind.Trap, "the kernel executed trap");
    }

    public static void Call(Warp w, Op* op) => Enter(w, op, w.Block.Launch.Module.ByNumber((int)op->Immediate));

    public static void CallIndirect(Warp w, Op* op)
    {
        uint lanes = w.Mask;
        var targets = (ulong*)(w.R + op->A);
        ulong target = targets[BitOperations.TrailingZeroCount(lanes)];
        DecodedFunction? function = w.Block.Launch.Module.FromAddress(target);
        if (function is null || function.Source.IsEntry || function.Source.Returns.Count != op->List[0]
            || function.Source.Returns.Count + function.Source.Parameters.Count != (op->ListLength - 1) / 2)
        {
            throw new KernelFault(KernelFaultKind.IllegalInstruction,
                $"an indirect call to 0x{target:x}, where no function of this prototype is");
        }
        uint same = 0;
        for (uint m = lanes; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            same |= targets[lane] == target ? 1u << lane : 0;
        }
        if (same != lanes)
        {
            // The other targets are called when these lanes have come back or wait; all meet behind the call.
            w.Mask = lanes;
            Group group = w.Detach(op);
            group.Mask = lanes & ~same;
            Group called = w.AddGroup(op->Index, same);
            w.EnterGroup(called, op, function, same, callee => Pass(w, op, w.Frame, callee, same));
            return;
        }
        Enter(w, op, function);
    }

    private static void Enter(Warp w, Op* op, DecodedFunction function)
    {
        uint lanes = w.Mask;
        Frame caller = w.Frame;
        w.Enter(op, function, callee => Pass(w, op, caller, callee, lanes));
    }

    private static void Pass(Warp w, Op* op, Frame caller, Frame callee, uint lanes)
    {
        callee.CallList = op->List;
        int first = 1 + 2 * op->List[0], k = 0;
        foreach (PtxVariable formal in callee.Function.Source.Parameters)
        {
            Copy(caller, op->List[first + 2 * k], callee, formal.Offset, Math.Min(op->List[first + 2 * k + 1], (int)formal.Size),
                lanes);
            k++;
        }
    }

    public static void Return(Warp w, Op* op)
    {
        Frame callee = w.Frame, caller = callee.Caller!;
        int* list = callee.CallList;
        for (int k = 0; k < list[0]; k++)
        {
            PtxVariable formal = callee.Function.Source.Returns[k];
            Copy(callee, formal.Offset, caller, list[1 + 2 * k], Math.Min(list[2 + 2 * k], (int)formal.Size), w.Mask);
        }
        w.Return(op);
    }

    private static void Copy(Frame from, int fromOffset, Frame to, int toOffset, int bytes, uint lanes)
    {
        for (uint m = lanes; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            Buffer.MemoryCopy(from.Params + lane * from.Function.ParamBytes + fromOffset,
                to.Params + lane * to.Function.ParamBytes + toOffset, bytes, bytes);
        }
    }
}
