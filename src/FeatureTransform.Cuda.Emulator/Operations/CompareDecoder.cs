using FeatureTransform.Cuda.Emulator.Decoding;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>Comparisons; the unordered ones of floating point also hold when an operand is a NaN.</summary>
internal enum Comparison : byte
{
    Eq, Ne, Lt, Le, Gt, Ge, Equ, Neu, Ltu, Leu, Gtu, Geu, Num, Nan,
}

/// <summary>Decodes comparison and selection.</summary>
internal static unsafe class CompareDecoder
{
    public static void Register(Dictionary<string, Action<FunctionDecoder, PtxInstruction>> table)
    {
        table["setp"] = Setp;
        table["set"] = Set;
        table["selp"] = Selp;
        table["slct"] = Slct;
    }

    private static void Setp(FunctionDecoder d, PtxInstruction i)
    {
        PtxType t = i.Type;
        PtxOperand target = i.Operands[0];
        bool pair = target.Kind == OperandKind.Pair;
        var draft = new Draft(i)
        {
            D = d.Write(i, pair ? target.Items[0] : target, PtxType.Pred, exact: true),
            D2 = pair ? d.Write(i, target.Items[1], PtxType.Pred, exact: true) : Draft.None,
            A = d.Read(i, 1, t),
            B = d.Read(i, 2, t),
        };
        Combine(d, i, draft);
        if (pair && t is PtxType.F16x2 or PtxType.BF16x2)
        {
            draft.Op.Form |= 4; // p from the low halves, q from the high ones
        }
        draft.Op.Mode = (byte)Parse(i, t);
        draft.Op.Size = (byte)t;
        draft.Op.Run = t switch
        {
            PtxType.F32 => i.Has("ftz") ? &CompareOperations.F32<FlushSubnormals> : &CompareOperations.F32<KeepSubnormals>,
            PtxType.F64 => &CompareOperations.F64,
            PtxType.S32 => &CompareOperations.S32,
            PtxType.U32 or PtxType.B32 or PtxType.U16 or PtxType.B16 => &CompareOperations.U32,
            PtxType.S64 => &CompareOperations.S64,
            PtxType.U64 or PtxType.B64 => &CompareOperations.U64,
            _ => &CompareOperations.Scalar,
        };
        draft.Op.Signed = i.Has("ftz");
        d.Emit(draft);
    }

    private static void Combine(FunctionDecoder d, PtxInstruction i, Draft draft)
    {
        string boolean = i.Pick("", "and", "or", "xor");
        if ((boolean.Length > 0) != (i.Operands.Count == 4))
        {
            throw i.Refuse("a fourth operand and one of .and .or .xor go together");
        }
        draft.Op.Form = (byte)(draft.D2 >= 0 ? 8 : 0);
        if (boolean.Length > 0)
        {
            draft.C = d.Read(i, 3, PtxType.Pred);
            draft.Op.Form |= (byte)(boolean switch
            {
                "and" => PredicateForm.And,
                "or" => PredicateForm.Or,
                _ =>
                PredicateForm.Xor
            });
            draft.Op.Form |= i.Operands[3].IsNegated ? PredicateOperations.SecondNegated : (byte)0;
        }
    }

    private static Comparison Parse(PtxInstruction i, PtxType t)
    {
        string name = i.Pick("", "eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs", "equ", "neu", "ltu", "leu", "gtu",
            "geu", "num", "nan");
        Comparison? comparison = name switch
        {
            "lo" => Comparison.Lt,
            "ls" => Comparison.Le,
            "hi" => Comparison.Gt,
            "hs" => Comparison.Ge,
            _ => Enum.TryParse(name, ignoreCase: true, out Comparison parsed) ? parsed : null,
        };
        bool unsignedName = name is "lo" or "ls" or "hi" or "hs";
        if (comparison is not { } known || known > Comparison.Ge && !t.IsFloat() || unsignedName && (t.IsFloat() || t.IsSigned()))
        {
            throw i.Refuse(name.Length == 0 ? "a comparison such as .eq is needed" : $".{name} does not compare .{t.Name()}");
        }
        if (known is not (Comparison.Eq or Comparison.Ne) && t is PtxType.B16 or PtxType.B32 or PtxType.B64 && !unsignedName)
        {
            throw i.Refuse("bit types compare with .eq and .ne only");
        }
        return known;
    }

    private static void Set(FunctionDecoder d, PtxInstruction i)
    {
        PtxType result = i.Types[0], t = i.Types[1];
        var draft = new Draft(i) { D = d.Write(i, 0, result), A = d.Read(i, 1, t), B = d.Read(i, 2, t) };
        Combine(d, i, draft);
        draft.Op.Mode = (byte)Parse(i, t);
        draft.Op.Size = (byte)t;
        draft.Op.Count = (byte)result;
        draft.Op.Signed = i.Has("ftz");
        draft.Op.Run = &CompareOperations.Set;
        d.Emit(draft);
    }

    private static void Selp(FunctionDecoder d, PtxInstruction i)
    {
        PtxType t = i.Type;
        bool negated = i.Operands[3].IsNegated;
        var draft = new Draft(i)
        {
            D = d.Write(i, 0, t),
            A = d.Read(i, negated ? 2 : 1, t),
            B = d.Read(i, negated ? 1 : 2, t),
            C = d.Read(i, 3, PtxType.Pred),
        };
        draft.Op.Run = t.Bits() == 64 ? &PredicateOperations.Select64 : &PredicateOperations.Select32;
        d.Emit(draft);
    }

    private static void Slct(FunctionDecoder d, PtxInstruction i)
    {
        PtxType t = i.Types[0], selector = i.Types[1];
        if (selector is not (PtxType.S32 or PtxType.F32))
        {
            throw i.Refuse("the selector is .s32 or .f32");
        }
        d.Scalar(i, selector == PtxType.F32 ? &CompareOperations.SelectByFloat : &CompareOperations.SelectByInteger, t, t, t,
            selector);
    }
}
