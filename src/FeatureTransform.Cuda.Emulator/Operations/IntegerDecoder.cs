using FeatureTransform.Cuda.Emulator.Decoding;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>Decodes integer arithmetic; floating-point types of the same opcodes go to <see cref="FloatDecoder"/>.</summary>
internal static unsafe class IntegerDecoder
{
    public static void Register(Dictionary<string, Action<FunctionDecoder, PtxInstruction>> table)
    {
        table["add"] = table["sub"] = AddSub;
        table["addc"] = table["subc"] = WithCarry;
        table["mul"] = Mul;
        table["mad"] = Mad;
        table["madc"] = WithCarry;
        table["mul24"] = table["mad24"] = Mul24;
        table["sad"] = (d, i) => Generic(d, i, &IntegerScalars.Sad, 3);
        table["div"] = (d, i) => Quotient(d, i, &IntegerScalars.Div);
        table["rem"] = (d, i) => Quotient(d, i, &IntegerScalars.Rem);
        table["abs"] = AbsNeg;
        table["neg"] = AbsNeg;
        table["min"] = table["max"] = MinMax;
        table["dp4a"] = (d, i) => Dot(d, i, &IntegerScalars.Dp4a);
        table["dp2a"] = (d, i) => Dot(d, i, &IntegerScalars.Dp2a);
    }

    private static void AddSub(FunctionDecoder d, PtxInstruction i)
    {
        PtxType t = i.Type;
        if (t.IsFloat())
        {
            FloatDecoder.Arithmetic(d, i);
            return;
        }
        if (i.Has("cc"))
        {
            WithCarry(d, i);
            return;
        }
        bool add = i.Opcode == "add";
        if (t is PtxType.U32 or PtxType.S32 && !i.Has("sat"))
        {
            d.Plain(i, add ? &Lanes.Binary32<Add32> : &Lanes.Binary32<Sub32>, t, t, t);
        }
        else if (t is PtxType.U64 or PtxType.S64 && !i.Has("sat"))
        {
            d.Plain(i, add ? &Lanes.Binary64<Add64> : &Lanes.Binary64<Sub64>, t, t, t);
        }
        else if (t is PtxType.U16x2 or PtxType.S16x2)
        {
            d.Scalar(i, &IntegerScalars.Add16x2, t, t, t);
        }
        else
        {
            if (i.Has("sat") && t != PtxType.S32)
            {
                throw i.Refuse(".sat belongs to .s32");
            }
            Generic(d, i, add ? &IntegerScalars.Add : &IntegerScalars.Sub, 2);
        }
    }

    // Scalar functions over one integer type; the handler tells them the type and .sat.
    private static Draft Generic(FunctionDecoder d, PtxInstruction i, delegate*<ulong, ulong, ulong, Op*, ulong> body,
        int sources)
    {
        PtxType t = i.Type;
        Draft draft = d.Scalar(i, body, t, t, sources > 1 ? t : PtxType.None, sources > 2 ? t : PtxType.None);
        draft.Op.Mode = (byte)t;
        draft.Op.Form = (byte)(i.Has("sat") ? 1 : 0);
        return draft;
    }

    private static void WithCarry(FunctionDecoder d, PtxInstruction i)
    {
        PtxType t = i.Type;
        bool mad = i.Opcode is "mad" or "madc";
        if (!mad && t.Bits() < 32 || i.Has("wide"))
        {
            throw i.Refuse("the carry flag belongs to 32 and 64 bits");
        }
        Draft draft = d.Plain(i, &CarryOperations.Run, t, t, t, mad ? t : PtxType.None);
        draft.Op.Mode = (byte)(mad ? i.Has("hi") ? CarryForm.MadHigh : CarryForm.MadLow : i.Opcode is "add" or "addc"
            ? CarryForm.Add : CarryForm.Subtract);
        draft.Op.Signed = t.IsSigned();
        draft.Op.Form = (byte)((i.Opcode is "addc" or "subc" or "madc" ? CarryOperations.TakesCarry : 0)
            | (i.Has("cc") ? CarryOperations.GivesCarry : 0));
    }

    private static void Mul(FunctionDecoder d, PtxInstruction i)
    {
        PtxType t = i.Type;
        if (t.IsFloat())
        {
            FloatDecoder.Arithmetic(d, i);
            return;
        }
        switch (i.Pick("", "lo", "hi", "wide"), t)
        {
            case ("lo", PtxType.U32 or PtxType.S32):
                d.Plain(i, &Lanes.Binary32<Mul32>, t, t, t);
                break;
            case ("lo", PtxType.U64 or PtxType.S64):
                d.Plain(i, &Lanes.Binary64<Mul64>, t, t, t);
                break;
            case ("hi", PtxType.U32):
                d.Plain(i, &Lanes.Binary32<MulHigh32<ZeroExtend>>, t, t, t);
                break;
            case ("hi", PtxType.S32):
                d.Plain(i, &Lanes.Binary32<MulHigh32<SignExtend>>, t, t, t);
                break;
            case ("wide", PtxType.U32):
                d.Plain(i, &Lanes.Widen<ZeroExtend, Product>, PtxType.U64, t, t);
                break;
            case ("wide", PtxType.S32):
                d.Plain(i, &Lanes.Widen<SignExtend, Product>, PtxType.S64, t, t);
                break;
            case ("wide", PtxType.U16 or PtxType.S16):
                d.Scalar(i, &IntegerScalars.MulWide16, PtxType.U32, t, t).Op.Mode = (byte)t;
                break;
            case ("lo" or "hi", PtxType.U16 or PtxType.S16 or PtxType.U64 or PtxType.S64):
                Generic(d, i, i.Has("lo") ? &IntegerScalars.MulLow : &IntegerScalars.MulHigh, 2);
                break;
            default:
                throw i.Refuse("mul of integers needs .lo, .hi or, up to 32 bits, .wide");
        }
    }

    private static void Mad(FunctionDecoder d, PtxInstruction i)
    {
        PtxType t = i.Type;
        if (t.IsFloat())
        {
            FloatDecoder.Fma(d, i);
            return;
        }
        if (i.Has("cc"))
        {
            WithCarry(d, i);
            return;
        }
        switch (i.Pick("", "lo", "hi", "wide"), t)
        {
            case ("lo", PtxType.U32 or PtxType.S32):
                d.Plain(i, &Lanes.Ternary32<Mad32>, t, t, t, t);
                break;
            case ("lo", PtxType.U64 or PtxType.S64):
                d.Plain(i, &Lanes.Ternary64<Mad64>, t, t, t, t);
                break;
            case ("wide", PtxType.U32):
                d.Plain(i, &Lanes.Widen<ZeroExtend, ProductSum>, PtxType.U64, t, t, PtxType.U64);
                break;
            case ("wide", PtxType.S32):
                d.Plain(i, &Lanes.Widen<SignExtend, ProductSum>, PtxType.S64, t, t, PtxType.S64);
                break;
            case ("wide", PtxType.U16 or PtxType.S16):
                d.Scalar(i, &IntegerScalars.MulWide16, PtxType.U32, t, t, PtxType.U32).Op.Mode = (byte)t;
                break;
            case ("hi", PtxType.U32) when !i.Has("sat"):
                d.Plain(i, &Lanes.Ternary32<MadHigh32<ZeroExtend>>, t, t, t, t);
                break;
            case ("hi", PtxType.S32) when !i.Has("sat"):
                d.Plain(i, &Lanes.Ternary32<MadHigh32<SignExtend>>, t, t, t, t);
                break;
            case ("lo" or "hi", _):
                Generic(d, i, i.Has("lo") ? &IntegerScalars.MulLow : &IntegerScalars.MulHigh, 3);
                break;
            default:
                throw i.Refuse("mad of integers needs .lo, .hi or, up to 32 bits, .wide");
        }
    }

    private static void Mul24(FunctionDecoder d, PtxInstruction i)
    {
        if (!i.Has("lo") && !i.Has("hi"))
        {
            throw i.Refuse(".lo or .hi is needed");
        }
        Draft draft = Generic(d, i, &IntegerScalars.Mul24, i.Opcode == "mad24" ? 3 : 2);
        draft.Op.Form = (byte)((i.Has("hi") ? 2 : 0) | (i.Has("sat") ? 1 : 0));
    }

    private static void Quotient(FunctionDecoder d, PtxInstruction i, delegate*<ulong, ulong, ulong, Op*, ulong> body)
    {
        if (i.Type.IsFloat())
        {
            FloatDecoder.Divide(d, i);
            return;
        }
        Generic(d, i, body, 2);
    }

    private static void AbsNeg(FunctionDecoder d, PtxInstruction i)
    {
        PtxType t = i.Type;
        bool abs = i.Opcode == "abs";
        if (t.IsFloat())
        {
            FloatDecoder.AbsNeg(d, i);
        }
        else if (t == PtxType.S32)
        {
            d.Plain(i, abs ? &Lanes.Unary32<AbsS32> : &Lanes.Unary32<Negate32>, t, t);
        }
        else if (t == PtxType.S64 && !abs)
        {
            d.Plain(i, &Lanes.Unary64<Negate64>, t, t);
        }
        else
        {
            Generic(d, i, abs ? &IntegerScalars.Abs : &IntegerScalars.Negate, 1);
        }
    }

    private static void MinMax(FunctionDecoder d, PtxInstruction i)
    {
        PtxType t = i.Type;
        bool max = i.Opcode == "max";
        if (t.IsFloat())
        {
            FloatDecoder.MinMax(d, i);
        }
        else if (i.Operands.Count != 3)
        {
            throw i.Refuse("three sources belong to .f32");
        }
        else if (t == PtxType.S32 && !i.Has("relu"))
        {
            d.Plain(i, max ? &Lanes.Binary32<MaxS32> : &Lanes.Binary32<MinS32>, t, t, t);
        }
        else if (t == PtxType.U32)
        {
            d.Plain(i, max ? &Lanes.Binary32<MaxU32> : &Lanes.Binary32<MinU32>, t, t, t);
        }
        else
        {
            Draft draft = Generic(d, i, max ? &IntegerScalars.Max : &IntegerScalars.Min, 2);
            draft.Op.Form = (byte)(i.Has("relu") ? 1 : 0);
        }
    }

    private static void Dot(FunctionDecoder d, PtxInstruction i, delegate*<ulong, ulong, ulong, Op*, ulong> body)
    {
        Draft draft = d.Scalar(i, body, PtxType.B32, PtxType.B32, PtxType.B32, PtxType.B32);
        draft.Op.Mode = (byte)((i.Types[0].IsSigned() ? 1 : 0) | (i.Types[1].IsSigned() ? 2 : 0));
        draft.Op.Form = (byte)(i.Has("hi") ? 1 : 0);
    }
}
