using FeatureTransform.Cuda.Emulator.Decoding;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Numerics;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>Decodes floating-point arithmetic. Form of the scalar functions: bits of <see cref="FloatForm"/>.</summary>
internal static unsafe class FloatDecoder
{
    public static void Register(Dictionary<string, Action<FunctionDecoder, PtxInstruction>> table)
    {
        table["fma"] = Fma;
        table["rcp"] = Reciprocal;
        table["sqrt"] = SquareRoot;
        table["rsqrt"] = (d, i) => Approximate(d, i, &ApproximationScalars.Rsqrt, &ApproximationScalars.RsqrtF64);
        table["sin"] = (d, i) => Approximate(d, i, &ApproximationScalars.Sin, null);
        table["cos"] = (d, i) => Approximate(d, i, &ApproximationScalars.Cos, null);
        table["lg2"] = (d, i) => Approximate(d, i, &ApproximationScalars.Lg2, null);
        table["ex2"] = (d, i) => Approximate(d, i, &ApproximationScalars.Ex2, null);
        table["tanh"] = (d, i) => Approximate(d, i, &ApproximationScalars.Tanh, null);
        table["copysign"] = (d, i) => d.Scalar(i, i.Type == PtxType.F64 ? &FloatScalars.CopySign64 : &FloatScalars.CopySign32,
            i.Type, i.Type, i.Type);
        table["testp"] = TestProperty;
    }

    /// <summary>add, sub, mul.</summary>
    public static void Arithmetic(FunctionDecoder d, PtxInstruction i)
    {
        PtxType t = i.Type;
        bool ftz = Ftz(i);
        if (t == PtxType.F32 && Mode(i) == RoundingMode.Nearest && !i.Has("sat"))
        {
            d.Plain(i, (i.Opcode, ftz) switch
            {
                ("add", false) => &Lanes.Binary32<AddF32<KeepSubnormals>>,
                ("add", true) => &Lanes.Binary32<AddF32<FlushSubnormals>>,
                ("sub", false) => &Lanes.Binary32<SubF32<KeepSubnormals>>,
                ("sub", true) => &Lanes.Binary32<SubF32<FlushSubnormals>>,
                ("mul", false) => &Lanes.Binary32<MulF32<KeepSubnormals>>,
                _ => &Lanes.Binary32<MulF32<FlushSubnormals>>,
            }, t, t, t);
        }
        else if (t == PtxType.F64 && Mode(i) == RoundingMode.Nearest)
        {
            d.Plain(i, i.Opcode switch
            {
                "add" => &Lanes.Binary64<AddF64>,
                "sub" => &Lanes.Binary64<SubF64>,
                _ => &Lanes.Binary64<MulF64>,
            }, t, t, t);
        }
        else
        {
            Configure(i, d.Scalar(i, i.Opcode switch
            {
                "add" => &FloatScalars.Add,
                "sub" => &FloatScalars.Sub,
                _ =>
                &FloatScalars.Mul
            }, t, t, t));
        }
    }

    /// <summary>fma, and mad of floating-point types, which is the same.</summary>
    public static void Fma(FunctionDecoder d, PtxInstruction i)
    {
        PtxType t = i.Type;
        if (i.Opcode == "fma" && i.Pick("", "rn", "rz", "rm", "rp").Length == 0)
        {
            throw i.Refuse("one of .rn .rz .rm .rp is needed");
        }
        if (t == PtxType.F32 && Mode(i) == RoundingMode.Nearest && !i.Has("sat"))
        {
            d.Plain(i, Ftz(i) ? &Lanes.Ternary32<FmaF32<FlushSubnormals>> : &Lanes.Ternary32<FmaF32<KeepSubnormals>>, t, t, t, t);
        }
        else if (t == PtxType.F64 && Mode(i) == RoundingMode.Nearest)
        {
            d.Plain(i, &Lanes.Ternary64<FmaF64>, t, t, t, t);
        }
        else
        {
            Configure(i, d.Scalar(i, &FloatScalars.Fma, t, t, t, t));
        }
    }

    public static void AbsNeg(FunctionDecoder d, PtxInstruction i)
    {
        PtxType t = i.Type;
        bool abs = i.Opcode == "abs";
        if (t == PtxType.F32)
        {
            d.Plain(i, (abs, Ftz(i)) switch
            {
                (true, false) => &Lanes.Unary32<AbsF32<KeepSubnormals>>,
                (true, true) => &Lanes.Unary32<AbsF32<FlushSubnormals>>,
                (false, false) => &Lanes.Unary32<NegateF32<KeepSubnormals>>,
                _ => &Lanes.Unary32<NegateF32<FlushSubnormals>>,
            }, t, t);
        }
        else if (t == PtxType.F64)
        {
            d.Plain(i, abs ? &Lanes.Unary64<AbsF64> : &Lanes.Unary64<NegateF64>, t, t);
        }
        else
        {
            Configure(i, d.Scalar(i, abs ? &FloatScalars.AbsHalf : &FloatScalars.NegateHalf, t, t));
        }
    }

    public static void MinMax(FunctionDecoder d, PtxInstruction i)
    {
        PtxType t = i.Type;
        bool max = i.Opcode == "max";
        bool plain = i.Operands.Count == 3 && !i.Has("NaN") && !i.Has("abs") && !i.Has("xorsign.abs") && !i.Has("xorsign");
        if (t == PtxType.F32 && plain)
        {
            d.Plain(i, (max, Ftz(i)) switch
            {
                (true, false) => &Lanes.Binary32<MaxF32<KeepSubnormals>>,
                (true, true) => &Lanes.Binary32<MaxF32<FlushSubnormals>>,
                (false, false) => &Lanes.Binary32<MinF32<KeepSubnormals>>,
                _ => &Lanes.Binary32<MinF32<FlushSubnormals>>,
            }, t, t, t);
            return;
        }
        bool three = i.Operands.Count == 4;
        if (three && t != PtxType.F32)
        {
            throw i.Refuse("three sources belong to .f32");
        }
        Draft draft = Configure(i, d.Scalar(i, three ? max ? &MinMaxScalars.Max3 : &MinMaxScalars.Min3
            : max ? &MinMaxScalars.Max : &MinMaxScalars.Min, t, t, t, three ? t : PtxType.None));
        draft.Op.Form |= (byte)((i.Has("NaN") ? FloatForm.PropagateNaN : 0)
            | (i.Has("abs") || i.Has("xorsign") ? FloatForm.Magnitudes : 0)
            | (i.Has("xorsign") || i.Has("xorsign.abs") ? FloatForm.XorSign : 0));
    }

    public static void Divide(FunctionDecoder d, PtxInstruction i)
    {
        PtxType t = i.Type;
        if (i.Has("approx") || i.Has("full"))
        {
            Configure(i, d.Scalar(i, i.Has("full") ? &ApproximationScalars.DivideFull : &ApproximationScalars.Divide, t, t, t));
            return;
        }
        if (i.Pick("", "rn", "rz", "rm", "rp").Length == 0)
        {
            throw i.Refuse("one of .approx .full .rn .rz .rm .rp is needed");
        }
        Configure(i, d.Scalar(i, &FloatScalars.Divide, t, t, t));
    }

    private static void Reciprocal(FunctionDecoder d, PtxInstruction i)
    {
        if (i.Has("approx"))
        {
            Approximate(d, i, &ApproximationScalars.Rcp, &ApproximationScalars.RcpF64);
        }
        else
        {
            Configure(i, d.Scalar(i, &FloatScalars.Reciprocal, i.Type, i.Type));
        }
    }

    private static void SquareRoot(FunctionDecoder d, PtxInstruction i)
    {
        if (i.Has("approx"))
        {
            Approximate(d, i, &ApproximationScalars.Sqrt, null);
        }
        else
        {
            Configure(i, d.Scalar(i, &FloatScalars.Sqrt, i.Type, i.Type));
        }
    }

    private static void Approximate(FunctionDecoder d, PtxInstruction i, delegate*<ulong, ulong, ulong, Op*, ulong> single,
        delegate*<ulong, ulong, ulong, Op*, ulong> wide)
    {
        if (!i.Has("approx"))
        {
            throw i.Refuse(".approx is needed");
        }
        if (i.Type == PtxType.F64 && wide == null)
        {
            throw i.Refuse("there is no such instruction for .f64");
        }
        Configure(i, d.Scalar(i, i.Type == PtxType.F64 ? wide : single, i.Type, i.Type));
    }

    private static void TestProperty(FunctionDecoder d, PtxInstruction i)
    {
        string property = i.Pick("", "finite", "infinite", "number", "notanumber", "normal", "subnormal");
        var draft = new Draft(i) { D = d.Write(i, 0, PtxType.Pred), A = d.Read(i, 1, i.Type) };
        draft.Op.Run = &CompareOperations.TestProperty;
        draft.Op.Mode = (byte)Array.IndexOf(["finite", "infinite", "number", "notanumber", "normal", "subnormal"], property);
        draft.Op.Size = (byte)i.Type.Bytes();
        d.Emit(draft);
    }

    /// <summary>Type, rounding and flags of the scalar functions.</summary>
    private static Draft Configure(PtxInstruction i, Draft draft)
    {
        draft.Op.Size = (byte)i.Type;
        draft.Op.Mode = (byte)Mode(i);
        draft.Op.Form = (byte)((Ftz(i) ? FloatForm.Ftz : 0) | (i.Has("sat") ? FloatForm.Saturate : 0)
            | (i.Has("relu") ? FloatForm.Relu : 0));
        return draft;
    }

    public static RoundingMode Mode(PtxInstruction i) => i.Pick("rn", "rn", "rz", "rm", "rp") switch
    {
        "rz" => RoundingMode.Zero,
        "rm" => RoundingMode.Down,
        "rp" => RoundingMode.Up,
        _ => RoundingMode.Nearest,
    };

    private static bool Ftz(PtxInstruction i) => i.Has("ftz");
}

/// <summary>Bits that change what a floating-point function does.</summary>
[Flags]
internal enum FloatForm : byte
{
    None = 0,
    Ftz = 1,
    Saturate = 2,
    Relu = 4,
    PropagateNaN = 8,
    Magnitudes = 16,
    XorSign = 32,
}
