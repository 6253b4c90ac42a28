using System.Numerics;
using FeatureTransform.Cuda.Emulator.Decoding;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>Decodes logic, shifts and bit fields.</summary>
internal static unsafe class BitDecoder
{
    public static void Register(Dictionary<string, Action<FunctionDecoder, PtxInstruction>> table)
    {
        table["and"] = (d, i) => Logic(d, i, &Lanes.Binary32<And32>, &Lanes.Binary64<And64>, PredicateForm.And);
        table["or"] = (d, i) => Logic(d, i, &Lanes.Binary32<Or32>, &Lanes.Binary64<Or64>, PredicateForm.Or);
        table["xor"] = (d, i) => Logic(d, i, &Lanes.Binary32<Xor32>, &Lanes.Binary64<Xor64>, PredicateForm.Xor);
        table["not"] = Not;
        table["cnot"] = (d, i) => d.Scalar(i, &BitScalars.Cnot, i.Type, i.Type);
        table["lop3"] = Lop3;
        table["shf"] = Shf;
        table["shl"] = table["shr"] = Shift;
        table["prmt"] = Prmt;
        table["popc"] = (d, i) => d.Scalar(i, &BitScalars.Popc, PtxType.U32, i.Type);
        table["clz"] = (d, i) => d.Scalar(i, i.Type.Bits() == 64 ? &BitScalars.Clz64 : &BitScalars.Clz32, PtxType.U32, i.Type);
        table["brev"] = (d, i) => d.Scalar(i, i.Type.Bits() == 64 ? &BitScalars.Brev64 : &BitScalars.Brev32, i.Type, i.Type);
        table["bfind"] = Bfind;
        table["fns"] = (d, i) => d.Scalar(i, &BitScalars.Fns, PtxType.B32, PtxType.B32, PtxType.B32, PtxType.S32);
        table["bfe"] = (d, i) => d.Scalar(i, &BitScalars.Bfe, i.Type, i.Type, PtxType.U32, PtxType.U32).Op.Mode = (byte)i.Type;
        table["bfi"] = Bfi;
        table["szext"] = (d, i) => Masked(d, i, &BitScalars.Szext);
        table["bmsk"] = (d, i) => Masked(d, i, &BitScalars.Bmsk);
    }

    private static void Logic(FunctionDecoder d, PtxInstruction i, delegate*<Warp, Op*, void> words, delegate*<Warp, Op*,
        void> wide, PredicateForm form)
    {
        PtxType t = i.Type;
        if (t != PtxType.Pred)
        {
            d.Plain(i, t.Bits() == 64 ? wide : words, t, t, t);
            return;
        }
        Draft draft = d.Plain(i, &PredicateOperations.Combine, t, t, t);
        draft.Op.Mode = (byte)form;
        draft.Op.Form = PredicateOperations.Negations(i, 1, 2);
    }

    private static void Not(FunctionDecoder d, PtxInstruction i)
    {
        PtxType t = i.Type;
        if (t == PtxType.Pred)
        {
            // not p = p xor true: the second operand is the first one twice, once negated.
            Draft draft = d.Plain(i, &PredicateOperations.Not, t, t);
            draft.Op.Form = PredicateOperations.Negations(i, 1, 1);
        }
        else if (t == PtxType.B16)
        {
            d.Scalar(i, &BitScalars.Not16, t, t);
        }
        else
        {
            d.Plain(i, t.Bits() == 64 ? &Lanes.Unary64<Not64> : &Lanes.Unary32<Not32>, t, t);
        }
    }

    private static void Lop3(FunctionDecoder d, PtxInstruction i)
    {
        if (i.Operands.Count != 5)
        {
            throw i.Refuse("the form with a predicate is not emulated");
        }
        if (i.Operands[4].Kind != OperandKind.Integer || i.Operands[4].Value > 255)
        {
            throw i.Refuse("the table is a number in 0..255");
        }
        Draft draft = d.Plain(i, &BitOperationsOfLanes.Lop3, PtxType.B32, PtxType.B32, PtxType.B32, PtxType.B32);
        draft.Op.Mode = (byte)i.Operands[4].Value;
    }

    private static void Shf(FunctionDecoder d, PtxInstruction i)
    {
        bool left = i.Has("l");
        if (left == i.Has("r") || i.Has("wrap") == i.Has("clamp"))
        {
            throw i.Refuse(".l or .r and .wrap or .clamp are needed");
        }
        Draft draft = d.Scalar(i, &BitScalars.Shf, PtxType.B32, PtxType.B32, PtxType.B32, PtxType.U32);
        draft.Op.Form = (byte)((left ? 1 : 0) | (i.Has("wrap") ? 2 : 0));
    }

    private static void Shift(FunctionDecoder d, PtxInstruction i)
    {
        PtxType t = i.Type;
        bool left = i.Opcode == "shl";
        if (t.Bits() == 32 && (left || !t.IsSigned()))
        {
            d.Plain(i, left ? &Lanes.Binary32<ShiftLeft32> : &Lanes.Binary32<ShiftRightU32>, t, t, PtxType.U32);
            return;
        }
        Draft draft = d.Scalar(i, left ? &BitScalars.Shl : &BitScalars.Shr, t, t, PtxType.U32);
        draft.Op.Mode = (byte)t;
    }

    private static void Prmt(FunctionDecoder d, PtxInstruction i)
    {
        Draft draft = d.Scalar(i, &BitScalars.Prmt, PtxType.B32, PtxType.B32, PtxType.B32, PtxType.B32);
        string mode = i.Pick("", "f4e", "b4e", "rc8", "ecl", "ecr", "rc16");
        draft.Op.Mode = (byte)Array.IndexOf(["", "f4e", "b4e", "rc8", "ecl", "ecr", "rc16"], mode);
    }

    private static void Bfind(FunctionDecoder d, PtxInstruction i)
    {
        Draft draft = d.Scalar(i, &BitScalars.Bfind, PtxType.U32, i.Type);
        draft.Op.Mode = (byte)i.Type;
        draft.Op.Form = (byte)(i.Has("shiftamt") ? 1 : 0);
    }

    // bfi d, a, b, pos, len: four sources, so the last two are packed by a helper operation.
    private static void Bfi(FunctionDecoder d, PtxInstruction i)
    {
        int packed = d.Temporary(RegisterClass.Word);
        var pack = new Draft(i) { D = packed, A = d.Read(i, 3, PtxType.U32), B = d.Read(i, 4, PtxType.U32) };
        pack.Op.Run = &Lanes.Scalar;
        pack.Op.Body = (delegate*<ulong, ulong, ulong, Op*, ulong>)&BitScalars.PackField;
        d.Emit(pack);
        var draft = new Draft(i) { D = d.Write(i, 0, i.Type), A = d.Read(i, 1, i.Type), B = d.Read(i, 2, i.Type), C = packed };
        draft.Op.Run = &Lanes.Scalar;
        draft.Op.Body = (delegate*<ulong, ulong, ulong, Op*, ulong>)&BitScalars.Bfi;
        draft.Op.Mode = (byte)i.Type;
        d.Emit(draft);
    }

    private static void Masked(FunctionDecoder d, PtxInstruction i, delegate*<ulong, ulong, ulong, Op*, ulong> body)
    {
        Draft draft = d.Scalar(i, body, i.Type, i.Type, PtxType.U32);
        draft.Op.Mode = (byte)i.Type;
        draft.Op.Form = (byte)(i.Has("wrap") ? 2 : 0);
    }
}
