namespace FeatureTransform.Cuda.Emulator.Ptx;

internal static partial class OpcodeTable
{
    private static IEnumerable<OpcodeEntry> Integer() =>
    [
        new("add", "3", $"{Rounding} ftz sat cc", $"{Int32To64} {Halves} f32 f64 u16x2 s16x2"),
        new("sub", "3", $"{Rounding} ftz sat cc", $"{Int32To64} {Halves} f32 f64"),
        new("addc", "3", "cc", "u32 s32 u64 s64"),
        new("subc", "3", "cc", "u32 s32 u64 s64"),
        new("mul", "3", $"{Rounding} hi/lo/wide ftz sat", $"{Int32To64} {Halves} f32 f64"),
        new("mad", "4", $"{Rounding} hi/lo/wide ftz sat cc", $"{Int32To64} f32 f64"),
        new("madc", "4", "hi/lo cc", "u32 s32 u64 s64"),
        new("mul24", "3", "hi/lo", "u32 s32"),
        new("mad24", "4", "hi/lo sat", "u32 s32"),
        new("sad", "4", "", Int32To64),
        new("div", "3", $"{Rounding}/approx/full ftz", $"{Int32To64} f32 f64"),
        new("rem", "3", "", Int32To64),
        new("abs", "2", "ftz", $"s16 s32 s64 {Halves} f32 f64"),
        new("neg", "2", "ftz", $"s16 s32 s64 {Halves} f32 f64"),
        new("min", "3-4", "ftz NaN xorsign.abs/xorsign abs relu", $"{Int32To64} {Halves} f32 f64 u16x2 s16x2"),
        new("max", "3-4", "ftz NaN xorsign.abs/xorsign abs relu", $"{Int32To64} {Halves} f32 f64 u16x2 s16x2"),
        new("popc", "2", "", "b32 b64"),
        new("clz", "2", "", "b32 b64"),
        new("bfind", "2", "shiftamt", "u32 s32 u64 s64"),
        new("fns", "4", "", "b32"),
        new("brev", "2", "", "b32 b64"),
        new("bfe", "4", "", "u32 s32 u64 s64"),
        new("bfi", "5", "", "b32 b64"),
        new("szext", "3", "clamp/wrap", "u32 s32"),
        new("bmsk", "3", "clamp/wrap", "b32"),
        new("dp4a", "4", "", "u32 s32", "2"),
        new("dp2a", "4", "lo/hi", "u32 s32", "2"),
    ];

    private static IEnumerable<OpcodeEntry> FloatingPoint() =>
    [
        new("fma", "4", $"{Rounding} ftz sat relu oob", $"{Halves} f32 f64"),
        new("testp", "2", "finite/infinite/number/notanumber/normal/subnormal", "f32 f64"),
        new("copysign", "3", "", "f32 f64"),
        new("rcp", "2", $"{Rounding}/approx ftz", "f32 f64"),
        new("sqrt", "2", $"{Rounding}/approx ftz", "f32 f64"),
        new("rsqrt", "2", "approx ftz", "f32 f64"),
        new("sin", "2", "approx ftz", "f32"),
        new("cos", "2", "approx ftz", "f32"),
        new("lg2", "2", "approx ftz", "f32"),
        new("ex2", "2", "approx ftz", $"{Halves} f32"),
        new("tanh", "2", "approx", $"{Halves} f32"),
    ];

    private static IEnumerable<OpcodeEntry> Data() =>
    [
        new("set", "3-4", $"{Comparison} and/or/xor ftz", $"u32 s32 u16 s16 b16 b32 b64 u64 s64 f32 f64 {Halves}", "2"),
        new("setp", "3-4", $"{Comparison} and/or/xor ftz", $"{AnyScalar} {Halves}"),
        new("selp", "4", "", $"{AnyScalar} f16 bf16"),
        new("slct", "4", "ftz", AnyScalar, "2"),
        new("and", "3", "", $"pred {Bits16To64}"),
        new("or", "3", "", $"pred {Bits16To64}"),
        new("xor", "3", "", $"pred {Bits16To64}"),
        new("not", "2", "", $"pred {Bits16To64}"),
        new("cnot", "2", "", Bits16To64),
        new("lop3", "5-6", "and/or", "b32"),
        new("shf", "4", "l/r clamp/wrap", "b32"),
        new("shl", "3", "", Bits16To64),
        new("shr", "3", "", $"{Bits16To64} {Int32To64}"),
        new("mov", "2", "", $"pred {AnyScalar} f16 f16x2 bf16 bf16x2"),
        new("prmt", "4", "f4e/b4e/rc8/ecl/ecr/rc16", "b32"),
        new("cvt", "2-4", "rn/rz/rm/rp/rni/rzi/rmi/rpi/rna/rs ftz sat satfinite relu",
            $"u8 s8 u16 s16 u32 s32 u64 s64 f16 bf16 f32 f64 f16x2 bf16x2 tf32 e4m3x2 e5m2x2", "2"),
        new("cvt.pack", "3-4", "sat", "u16 s16 u8 s8 u4 s4 s32 b32", "2-3"),
    ];

    private static IEnumerable<OpcodeEntry> Video() =>
        from name in "vadd vsub vabsdiff vmin vmax vset".Split(' ')
        from width in "24"
        select new OpcodeEntry($"{name}{width}", "4", $"{(name == "vset" ? "eq/ne/lt/le/gt/ge " : "")}sat add", "u32 s32",
            name == "vset" ? "2" : "3");
}
