using FeatureTransform.Cuda.Emulator.Decoding;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Numerics;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>Decodes cvt: Count is the target type, Size the source type, Mode the rounding, Form the flags.</summary>
internal static unsafe class ConvertDecoder
{
    public static void Register(Dictionary<string, Action<FunctionDecoder, PtxInstruction>> table)
    {
        table["cvt"] = Convert;
        table["cvt.pack"] = Pack;
    }

    private static void Convert(FunctionDecoder d, PtxInstruction i)
    {
        PtxType to = i.Types[0], from = i.Types[1];
        bool packs = to is PtxType.F16x2 or PtxType.BF16x2 or PtxType.E4M3x2 or PtxType.E5M2x2 && from == PtxType.F32;
        if (i.Has("rs"))
        {
            throw i.Refuse("stochastic rounding is not emulated");
        }
        if (i.Operands.Count != (packs ? 3 : 2))
        {
            throw i.Refuse(packs ? "two sources are needed" : "one source is needed");
        }
        var draft = new Draft(i) { D = d.WriteLoose(i, 0, to), A = d.ReadLoose(i, 1, from) };
        if (packs)
        {
            draft.B = d.ReadLoose(i, 2, from);
        }
        draft.Op.Count = (byte)to;
        draft.Op.Size = (byte)from;
        draft.Op.Mode = (byte)Rounding(i, to, from, out bool toInteger);
        draft.Op.Form = (byte)((i.Has("ftz") ? ConvertForm.Ftz : 0) | (i.Has("sat") ? ConvertForm.Saturate : 0)
            | (i.Has("relu") ? ConvertForm.Relu : 0)
            | (i.Has("satfinite") ? ConvertForm.SaturateFinite : 0) | (toInteger ? ConvertForm.ToInteger : 0));
        draft.Op.Immediate = i.Operands[0].Register?.Type.Bits() ?? 0;
        draft.Op.Run = &Lanes.Scalar;
        draft.Op.Body = packs ? (delegate*<ulong, ulong, ulong, Op*, ulong>)&ConvertScalars.PackPair
            : from is PtxType.E4M3x2 or PtxType.E5M2x2 ? (delegate*<ulong, ulong, ulong, Op*, ulong>)&ConvertScalars.UnpackPair
            : (delegate*<ulong, ulong, ulong, Op*, ulong>)&ConvertScalars.Convert;
        bool plain = draft.Op.Form == 0 && draft.Op.Mode == (byte)RoundingMode.Nearest;
        // Frequent ones by vectors. They need registers of exactly the width.
        bool exact = d.IsWide(draft.A) == (from.Bits() == 64) && d.IsWide(draft.D) == (to.Bits() == 64) && draft.D >= 0;
        if (exact && plain)
        {
            delegate*<Warp, Op*, void> fast = (to, from) switch
            {
                (PtxType.BF16x2, PtxType.F32) => &ConvertOperations.PackBf16,
                (PtxType.BF16, PtxType.F32) => &ConvertOperations.ToBf16,
                (PtxType.F32, PtxType.S32) => &ConvertOperations.SingleFromInt,
                (PtxType.U64 or PtxType.S64, PtxType.U32) => &Lanes.Widen<ZeroExtend, First>,
                (PtxType.U64 or PtxType.S64, PtxType.S32) => &Lanes.Widen<SignExtend, First>,
                (PtxType.U32 or PtxType.S32, PtxType.U64 or PtxType.S64) => &ConvertOperations.Truncate,
                (PtxType.F32, PtxType.BF16) => &ConvertOperations.FromBf16,
                _ => null,
            };
            if (fast != null)
            {
                draft.Op.Run = fast;
                draft.Op.Body = null;
            }
        }
        d.Emit(draft);
    }

    private static RoundingMode Rounding(PtxInstruction i, PtxType to, PtxType from, out bool toInteger)
    {
        string name = i.Pick("", "rn", "rz", "rm", "rp", "rni", "rzi", "rmi", "rpi", "rna");
        bool wideToNarrow = from.IsFloat() && to.IsFloat() && to.Bits() < from.Bits()
            || to is PtxType.TF32 or PtxType.BF16x2 or PtxType.F16x2;
        bool fromInteger = !from.IsFloat() && to.IsFloat() && from is not (PtxType.E4M3x2 or PtxType.E5M2x2);
        toInteger = name is "rni" or "rzi" or "rmi" or "rpi";
        if (from.IsFloat() && !to.IsFloat() && to is not (PtxType.E4M3x2 or PtxType.E5M2x2) && !toInteger)
        {
            throw i.Refuse("conversion to an integer needs .rni .rzi .rmi or .rpi");
        }
        if ((wideToNarrow || fromInteger) && name.Length == 0)
        {
            throw i.Refuse("a rounding such as .rn is needed");
        }
        if (toInteger && !from.IsFloat() || name == "rna" && to != PtxType.TF32)
        {
            throw i.Refuse($".{name} does not belong to this conversion");
        }
        return name switch
        {
            "rz" or "rzi" => RoundingMode.Zero,
            "rm" or "rmi" => RoundingMode.Down,
            "rp" or "rpi" => RoundingMode.Up,
            "rna" => RoundingMode.NearestAway,
            _ => RoundingMode.Nearest,
        };
    }

    private static void Pack(FunctionDecoder d, PtxInstruction i)
    {
        // cvt.pack.sat.u16.s32 d, a, b; and cvt.pack.sat.u8.s32.b32 d, a, b, c shifting c up.
        PtxType to = i.Types[0];
        if (i.Types[1] != PtxType.S32 || (i.Types.Count == 3) != (i.Operands.Count == 4))
        {
            throw i.Refuse("the forms are .sat.T.s32 with three operands and .sat.T.s32.b32 with four");
        }
        Draft draft = d.Scalar(i, &ConvertScalars.PackIntegers, PtxType.B32, PtxType.S32, PtxType.S32, i.Operands.Count == 4
            ? PtxType.B32 : PtxType.None);
        draft.Op.Mode = (byte)to;
    }
}

[Flags]
internal enum ConvertForm : byte
{
    None = 0,
    Ftz = 1,
    Saturate = 2,
    Relu = 4,
    SaturateFinite = 8,

    /// <summary>Rounds to an integral value: .rni and its like.</summary>
    ToInteger = 16,
}
