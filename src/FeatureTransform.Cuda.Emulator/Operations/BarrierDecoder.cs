using FeatureTransform.Cuda.Emulator.Decoding;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>Decodes barriers of the block and fences.</summary>
internal static unsafe class BarrierDecoder
{
    public static void Register(Dictionary<string, Action<FunctionDecoder, PtxInstruction>> table)
    {
        foreach (string family in new[] { "bar", "barrier", "bar.cta", "barrier.cta" })
        {
            bool aligned = family.StartsWith("bar", StringComparison.Ordinal) && !family.StartsWith("barrier", StringComparison.Ordinal);
            table[family + ".sync"] = (d, i) => Barrier(d, i, BarrierForm.Sync, 0, aligned);
            table[family + ".arrive"] = (d, i) => Barrier(d, i, BarrierForm.Arrive, 0, aligned);
            table[family + ".red"] = (d, i) => Reduce(d, i, aligned);
        }
        foreach (string fence in new[] { "membar", "fence", "fence.proxy", "fence.mbarrier_init" })
        {
            table[fence] = Fence;
        }
    }

    private static Draft Barrier(FunctionDecoder d, PtxInstruction i, BarrierForm form, int first, bool aligned)
    {
        var draft = new Draft(i);
        PtxOperand id = i.Operands[first];
        if (id.Kind == OperandKind.Integer)
        {
            if (id.Value >= 16)
            {
                throw i.Refuse($"barrier {id.Value} does not exist; a block has 16");
            }
            draft.Op.Immediate = (long)id.Value;
        }
        else
        {
            draft.A = d.Read(i, first, PtxType.U32);
        }
        bool counted = i.Operands.Count > first + 1 + (form >= BarrierForm.Popc ? 1 : 0);
        draft.B = counted ? d.Read(i, first + 1, PtxType.U32) : Draft.None;
        draft.Op.Kind = OpKind.Control;
        draft.Op.Run = &BlockRun.Arrive;
        draft.Op.Mode = (byte)form;
        draft.Op.Form = (byte)(aligned || i.Has("aligned") ? 1 : 0);
        if (form < BarrierForm.Popc)
        {
            d.Emit(draft);
        }
        return draft;
    }

    private static void Reduce(FunctionDecoder d, PtxInstruction i, bool aligned)
    {
        string name = i.Pick("", "popc", "and", "or");
        BarrierForm form = name switch { "popc" => BarrierForm.Popc, "and" => BarrierForm.And, "or" => BarrierForm.Or, _ => throw i.Refuse("one of .popc .and .or is needed") };
        if ((form == BarrierForm.Popc) != (i.Type == PtxType.U32))
        {
            throw i.Refuse("the forms are .popc.u32 .and.pred .or.pred");
        }
        Draft draft = Barrier(d, i, form, 1, aligned);
        draft.D = d.Write(i, 0, i.Type);
        draft.C = d.Read(i, i.Operands.Count - 1, PtxType.Pred);
        draft.Op.Signed = i.Operands[^1].IsNegated;
        d.Emit(draft);
    }

    private static void Fence(FunctionDecoder d, PtxInstruction i)
    {
        var draft = new Draft(i);
        draft.Op.Run = &FenceOperation;
        draft.Op.Mode = (byte)(i.Has("cta") ? 0 : 1);
        d.Emit(draft);
    }

    private static void FenceOperation(Warp w, Op* op) => w.Block.OnFence(op);
}
