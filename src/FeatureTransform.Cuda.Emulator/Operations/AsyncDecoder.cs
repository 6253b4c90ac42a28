using System.Numerics;
using FeatureTransform.Cuda.Emulator.Decoding;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Memory;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>Decodes cp.async and its groups.</summary>
internal static unsafe class AsyncDecoder
{
    public static void Register(Dictionary<string, Action<FunctionDecoder, PtxInstruction>> table)
    {
        table["cp.async"] = Copy;
        table["cp.async.commit_group"] = (d, i) => Emit(d, i, &BlockRun.CommitGroup, 0, 0);
        table["cp.async.wait_all"] = (d, i) => Emit(d, i, &BlockRun.WaitGroup, 0, 1);
        table["cp.async.wait_group"] = (d, i) => Emit(d, i, &BlockRun.WaitGroup, Number(i, 0), 0);
    }

    private static void Emit(FunctionDecoder d, PtxInstruction i, delegate*<Warp, Op*, void> run, long number, byte form)
    {
        var draft = new Draft(i);
        draft.Op.Run = run;
        draft.Op.Immediate = number;
        draft.Op.Form = form;
        d.Emit(draft);
    }

    private static long Number(PtxInstruction i, int operand) =>
        i.Operands[operand].Kind == OperandKind.Integer ? (long)i.Operands[operand].Value
            : throw i.Refuse("a constant number is needed");

    // cp.async.ca.shared.global [d], [s], size{, source size or ignore predicate}{, policy}: D2 is no register here but the
    // destination's address travels as C.
    private static void Copy(FunctionDecoder d, PtxInstruction i)
    {
        long size = Number(i, 2);
        bool cg = i.Has("cg");
        if (size is not (4 or 8 or 16) || cg && size != 16 || cg == i.Has("ca"))
        {
            throw i.Refuse("copies of 4, 8 or 16 bytes with .ca, of 16 with .cg");
        }
        if (!i.Has("global") || !i.Has("shared") && !i.Has("shared::cta"))
        {
            throw i.Refuse(".shared.global is needed");
        }
        var draft = new Draft(i);
        MemoryDecoder.Address(d, i, draft, i.Operands[0]);
        (int target, long targetOffset) = (draft.A, draft.Op.Immediate);
        draft.A = Draft.None;
        MemoryDecoder.Address(d, i, draft, i.Operands[1]);
        draft.C = target;
        draft.Op.Target = (int)targetOffset;
        draft.Op.Size = (byte)size;
        int optional = i.Operands.Count - (i.Has("L2::cache_hint") ? 1 : 0);
        if (optional > 3)
        {
            bool ignore = i.Operands[3].Kind == OperandKind.Register && i.Operands[3].Register!.Type == PtxType.Pred;
            if (ignore)
            {
                throw i.Refuse("the form with a predicate that ignores the source is not emulated; use a source size");
            }
            draft.B = d.Read(i, 3, PtxType.U32);
        }
        draft.Op.Run = &AsyncOperations.Copy;
        d.Emit(draft);
    }
}

internal static unsafe class AsyncOperations
{
    /// <summary>A is the source's address, C the destination's, B the source size where given.</summary>
    public static void Copy(Warp w, Op* op)
    {
        int bytes = op->Size;
        // Destination first; its places are kept while the source is located.
        Op target = *op;
        target.Space = StateSpaceCode.Shared;
        w.ComputeAddresses(op, op->C, (op->Wide & Wide.C) != 0, op->Target);
        uint todo = w.Mask, found = 0;
        ulong* targetOffsets = (ulong*)w.Data;
        Region? shared = null;
        while (todo != 0)
        {
            uint part = Locate(w, op, &target, ref todo, bytes, Access.Write, out Region region);
            for (uint m = part; m != 0; m &= m - 1)
            {
                int lane = BitOperations.TrailingZeroCount(m);
                targetOffsets[lane] = w.Offsets[lane];
            }
            found |= part;
            shared = part != 0 ? region : shared;
        }
        if (found == 0)
        {
            return;
        }
        w.Block.OnAsyncIssue(w, op, shared!, found, targetOffsets, bytes);
        w.ComputeAddresses(op, op->A, (op->Wide & Wide.A) != 0, op->Immediate);
        uint none = 0;
        if (op->B >= 0)
        {
            for (uint m = found; m != 0; m &= m - 1)
            {
                int lane = BitOperations.TrailingZeroCount(m);
                uint count = ((uint*)(w.R + op->B))[lane];
                if (count > (uint)bytes)
                {
                    w.Block.Report(w, op, Checks.Memory, "cp.async size", 1u << lane, 0,
                        $"the source size {count} exceeds the copy of {bytes} bytes");
                }
                none |= count == 0 ? 1u << lane : 0;
            }
        }
        Issue(w, op, none, shared!, targetOffsets, null, bytes);
        todo = found & ~none;
        while (todo != 0)
        {
            uint part = w.Locate(op, ref todo, bytes, Access.Read, out Region source);
            Issue(w, op, part, shared!, targetOffsets, source, bytes);
            if (part != 0)
            {
                w.Block.OnAsyncRead(w, op, source, part, bytes);
            }
        }
    }

    // A report must name the real operation, so the copy of it serves to find the place only.
    private static uint Locate(Warp w, Op* op, Op* target, ref uint todo, int bytes, Access access, out Region region)
    {
        target->Index = op->Index;
        return w.Locate(target, ref todo, bytes, access, out region);
    }

    private static void Issue(Warp w, Op* op, uint lanes, Region shared, ulong* targets, Region? source, int bytes)
    {
        bool late = w.Block.Launch.Options.AsyncCopies == AsyncCopyTime.Late;
        for (uint m = lanes; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            int count = source is null ? 0 : op->B < 0 ? bytes : (int)Math.Min(((uint*)(w.R + op->B))[lane], (uint)bytes);
            var copy = new AsyncCopy
            {
                Source = source ?? shared,
                SourceOffset = source is null ? 0 : w.Offsets[lane],
                Target = shared,
                TargetOffset = targets[lane],
                Lane = lane,
                Bytes = bytes,
                SourceBytes = count,
                Group = w.Copies.Committed[lane],
                Op = op,
            };
            if (!late)
            {
                w.Block.Transfer(w, copy);
            }
            if (late || w.Block.TracksAsync)
            {
                w.Copies.Pending.Add(copy);
            }
        }
    }
}
