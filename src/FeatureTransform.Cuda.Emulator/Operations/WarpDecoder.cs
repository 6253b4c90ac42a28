using FeatureTransform.Cuda.Emulator.Decoding;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>Decodes shuffles, votes and reductions of a warp. C is the membermask, or Immediate where it is a number.</summary>
internal static unsafe class WarpDecoder
{
    public static void Register(Dictionary<string, Action<FunctionDecoder, PtxInstruction>> table)
    {
        table["shfl.sync"] = Shuffle;
        table["shfl"] = (d, i) => throw i.Refuse("shfl without .sync does not exist from sm_70 on; use shfl.sync");
        table["vote.sync"] = Vote;
        table["match.any.sync"] = table["match.all.sync"] = Match;
        table["redux.sync"] = Redux;
        table["elect.sync"] = Elect;
        table["activemask"] = ActiveMask;
        table["bar.warp.sync"] = WarpSync;
    }

    private static Draft Synchronous(FunctionDecoder d, PtxInstruction i, int memberOperand, delegate*<Warp, Op*, void> body)
    {
        PtxOperand members = i.Operands[memberOperand];
        var draft = new Draft(i);
        if (members.Kind == OperandKind.Integer)
        {
            draft.Op.Immediate = (long)(members.Value & 0xFFFFFFFF);
        }
        else
        {
            draft.C = d.Read(i, memberOperand, PtxType.B32);
        }
        draft.Op.Kind = OpKind.Control;
        draft.Op.Run = &Warp.Synchronize;
        draft.Op.Body = body;
        return draft;
    }

    private static void Shuffle(FunctionDecoder d, PtxInstruction i)
    {
        Draft draft = Synchronous(d, i, 4, &WarpOperations.Shuffle);
        PtxOperand target = i.Operands[0];
        bool pair = target.Kind == OperandKind.Pair;
        draft.D = d.Write(i, pair ? target.Items[0] : target, PtxType.B32, exact: true);
        draft.D2 = pair ? d.Write(i, target.Items[1], PtxType.Pred, exact: true) : Draft.None;
        draft.A = d.Read(i, 1, PtxType.B32);
        draft.B = d.Read(i, 2, PtxType.B32);
        draft.AddUse(d.Read(i, 3, PtxType.B32));
        draft.Op.Form = (byte)Contribution.Word;
        string mode = i.Pick("", "up", "down", "bfly", "idx");
        if (mode.Length == 0)
        {
            throw i.Refuse("one of .up .down .bfly .idx is needed");
        }
        draft.Op.Mode = (byte)Array.IndexOf(["up", "down", "bfly", "idx"], mode);
        draft.Op.Signed = pair;
        d.Emit(draft);
    }

    private static void Vote(FunctionDecoder d, PtxInstruction i)
    {
        Draft draft = Synchronous(d, i, 2, &WarpOperations.Vote);
        string mode = i.Pick("", "all", "any", "uni", "ballot");
        bool ballot = mode == "ballot";
        if (mode.Length == 0 || ballot != (i.Type == PtxType.B32))
        {
            throw i.Refuse("the forms are .all.pred .any.pred .uni.pred and .ballot.b32");
        }
        draft.D = d.Write(i, 0, i.Type);
        draft.A = d.Read(i, 1, PtxType.Pred);
        draft.Op.Form = (byte)(i.Operands[1].IsNegated ? Contribution.NegatedPredicate : Contribution.Predicate);
        draft.Op.Mode = (byte)Array.IndexOf(["all", "any", "uni", "ballot"], mode);
        d.Emit(draft);
    }

    private static void Match(FunctionDecoder d, PtxInstruction i)
    {
        bool all = i.Opcode == "match.all.sync";
        Draft draft = Synchronous(d, i, 2, all ? &WarpOperations.MatchAll : &WarpOperations.MatchAny);
        PtxOperand target = i.Operands[0];
        bool pair = target.Kind == OperandKind.Pair;
        draft.D = d.Write(i, pair ? target.Items[0] : target, PtxType.B32, exact: true);
        draft.D2 = pair ? d.Write(i, target.Items[1], PtxType.Pred, exact: true) : Draft.None;
        draft.A = d.Read(i, 1, i.Type);
        draft.Op.Form = (byte)(i.Type.Bits() == 64 ? Contribution.DoubleWord : Contribution.Word);
        draft.Op.Signed = pair;
        d.Emit(draft);
    }

    private static void Redux(FunctionDecoder d, PtxInstruction i)
    {
        Draft draft = Synchronous(d, i, 2, &WarpOperations.Redux);
        string mode = i.Pick("", "add", "min", "max", "and", "or", "xor");
        if (mode.Length == 0 || i.Type == PtxType.F32)
        {
            throw i.Refuse("redux.sync takes .add .min .max of .u32 and .s32, .and .or .xor of .b32");
        }
        draft.D = d.Write(i, 0, i.Type);
        draft.A = d.Read(i, 1, i.Type);
        draft.Op.Form = (byte)Contribution.Word;
        draft.Op.Mode = (byte)Array.IndexOf(["add", "min", "max", "and", "or", "xor"], mode);
        draft.Op.Signed = i.Type.IsSigned();
        d.Emit(draft);
    }

    private static void Elect(FunctionDecoder d, PtxInstruction i)
    {
        Draft draft = Synchronous(d, i, 1, &WarpOperations.Elect);
        PtxOperand target = i.Operands[0];
        if (target.Kind != OperandKind.Pair)
        {
            throw i.Refuse("the result is d|p");
        }
        draft.D = d.Write(i, target.Items[0], PtxType.B32, exact: true);
        draft.D2 = d.Write(i, target.Items[1], PtxType.Pred, exact: true);
        d.Emit(draft);
    }

    private static void ActiveMask(FunctionDecoder d, PtxInstruction i)
    {
        var draft = new Draft(i) { D = d.Write(i, 0, PtxType.B32) };
        draft.Op.Run = &WarpOperations.ActiveMask;
        d.Emit(draft);
    }

    private static void WarpSync(FunctionDecoder d, PtxInstruction i) => d.Emit(Synchronous(d, i, 0, null));
}
