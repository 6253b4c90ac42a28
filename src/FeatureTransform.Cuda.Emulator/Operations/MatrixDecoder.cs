using FeatureTransform.Cuda.Emulator.Decoding;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>Decodes the matrix instructions. The list holds D, A, B, C registers in this order.</summary>
internal static unsafe class MatrixDecoder
{
    public static void Register(Dictionary<string, Action<FunctionDecoder, PtxInstruction>> table)
    {
        table["ldmatrix"] = (d, i) => Rows(d, i, load: true);
        table["stmatrix"] = (d, i) => Rows(d, i, load: false);
        table["mma"] = Multiply;
        table["wmma.load"] = WarpLoad;
        table["wmma.store.d"] = WarpStore;
        table["wmma.mma"] = WarpMultiply;
    }

    private static void Rows(FunctionDecoder d, PtxInstruction i, bool load)
    {
        RequireSync(i);
        int count = i.Pick("", "x1", "x2", "x4") switch
        {
            "x1" => 1,
            "x2" => 2,
            "x4" => 4,
            _ =>
            throw i.Refuse(".x1 .x2 or .x4 is needed")
        };
        var draft = new Draft(i);
        PtxOperand registers = i.Operands[load ? 0 : 1];
        IReadOnlyList<PtxOperand> items = registers.Kind == OperandKind.Vector ? registers.Items : [registers];
        if (items.Count != count)
        {
            throw i.Refuse($"{count} registers are needed");
        }
        foreach (PtxOperand item in items)
        {
            if (load)
            {
                draft.AddDef(d.Write(i, item, PtxType.B32, exact: true));
            }
            else
            {
                draft.AddUse(d.Read(i, item, PtxType.B32, exact: true));
            }
        }
        MemoryDecoder.Address(d, i, draft, i.Operands[load ? 1 : 0]);
        draft.Op.Form = (byte)(i.Has("trans") ? 1 : 0);
        draft.Op.Count = (byte)count;
        Converge(draft, load ? &MatrixMemory.Load : &MatrixMemory.Store);
        d.Emit(draft);
    }

    private static void Converge(Draft draft, delegate*<Warp, Op*, void> body)
    {
        draft.Op.Kind = OpKind.Control;
        draft.Op.Run = &Warp.Converge;
        draft.Op.Body = body;
    }

    private static void RequireSync(PtxInstruction i)
    {
        if (!i.Has("sync"))
        {
            throw i.Refuse(".sync.aligned is needed");
        }
    }

    // mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32: registers a lane of D, A, B, C by shape and types.
    private static void Multiply(FunctionDecoder d, PtxInstruction i)
    {
        RequireSync(i);
        string shape = i.Pick("", "m16n8k4", "m16n8k8", "m16n8k16", "m16n8k32");
        PtxType result = i.Types[0], a = i.Types[1], b = i.Types[2], accumulator = i.Types[3];
        int k = shape.Length > 0 ? int.Parse(shape[6..]) : 0;
        bool integers = a is PtxType.S8 or PtxType.U8 && b is PtxType.S8 or PtxType.U8 && result == PtxType.S32
            && accumulator == PtxType.S32 && k is 16 or 32;
        bool floats = a == b && result == accumulator && (a, result, k) switch
        {
            (PtxType.BF16, PtxType.F32, 8 or 16) => true,
            (PtxType.F16, PtxType.F32 or PtxType.F16, 8 or 16) => true,
            (PtxType.TF32, PtxType.F32, 4 or 8) => true,
            _ => false,
        };
        if (!integers && !floats || !i.Has("row") || !i.Has("col2"))
        {
            throw i.Refuse(
                "emulated are m16n8k8/16 of .bf16 and .f16, m16n8k4/8 of .tf32, m16n8k16/32 of .s8 and .u8, each .row.col");
        }
        int bytes = k * (a.Bits() / 8);
        var draft = new Draft(i);
        Fragment(d, i, draft, 0, result == PtxType.F16 ? 2 : 4, result, write: true);
        Fragment(d, i, draft, 1, bytes / 8, PtxType.B32, write: false);
        Fragment(d, i, draft, 2, bytes / 16, PtxType.B32, write: false);
        Fragment(d, i, draft, 3, accumulator == PtxType.F16 ? 2 : 4, accumulator, write: false);
        Describe(d, i, draft, a, b, result, k);
        Converge(draft, integers ? &IntegerMatrix.Multiply : &MatrixProduct.Multiply);
        d.Emit(draft);
    }

    private static void Describe(FunctionDecoder d, PtxInstruction i, Draft draft, PtxType a, PtxType b, PtxType result, int k)
    {
        draft.Op.Mode = (byte)a;
        draft.Op.Count = (byte)b;
        draft.Op.Size = (byte)k;
        draft.Op.Form = (byte)((result == PtxType.F16 ? 1 : 0) | (i.Has("satfinite") ? 2 : 0));
        draft.Op.Target = d.Module.Device.MatrixFractionBits;
        draft.Op.Immediate = Math.Max(1, d.Module.Device.MatrixBlockBytes / Math.Max(1, a.Bits() / 8));
    }

    private static void Fragment(FunctionDecoder d, PtxInstruction i, Draft draft, int operand, int count, PtxType type,
        bool write)
    {
        PtxOperand given = i.Operands[operand];
        IReadOnlyList<PtxOperand> items = given.Kind == OperandKind.Vector ? given.Items : [given];
        if (items.Count != count)
        {
            throw i.Refuse($"operand {operand + 1} needs {count} registers, not {items.Count}");
        }
        PtxType register = type == PtxType.F16 ? PtxType.B32 : type;
        foreach (PtxOperand item in items)
        {
            if (write)
            {
                draft.AddDef(d.Write(i, item, register, exact: true));
            }
            else
            {
                draft.AddUse(d.Read(i, item, register, exact: true));
            }
        }
    }

    private static void WarpLoad(FunctionDecoder d, PtxInstruction i)
    {
        WarpShape(i);
        var draft = new Draft(i);
        bool c = i.Has("c"), a = i.Has("a");
        int registers = WarpMatrix.Registers(i.Type, c);
        Fragment(d, i, draft, 0, registers, i.Type == PtxType.F16 ? PtxType.F16 : i.Type.Bits() < 32 ? PtxType.B32 : i.Type,
            write: true);
        MemoryDecoder.Address(d, i, draft, i.Operands[1]);
        draft.B = i.Operands.Count > 2 ? d.Read(i, 2, PtxType.U32) : Draft.None;
        draft.Op.Mode = (byte)i.Type;
        draft.Op.Form = (byte)((a ? 1 : c ? 2 : 0) | (i.Has("col") ? 4 : 0));
        Converge(draft, &WarpMatrix.Load);
        d.Emit(draft);
    }

    private static void WarpStore(FunctionDecoder d, PtxInstruction i)
    {
        WarpShape(i);
        var draft = new Draft(i);
        Fragment(d, i, draft, 1, WarpMatrix.Registers(i.Type, true), i.Type, write: false);
        MemoryDecoder.Address(d, i, draft, i.Operands[0]);
        draft.B = i.Operands.Count > 2 ? d.Read(i, 2, PtxType.U32) : Draft.None;
        draft.Op.Mode = (byte)i.Type;
        draft.Op.Form = (byte)(2 | (i.Has("col") ? 4 : 0));
        Converge(draft, &WarpMatrix.Store);
        d.Emit(draft);
    }

    // The types are d.c for fp16 operands, else d.a.b.c.
    private static void WarpMultiply(FunctionDecoder d, PtxInstruction i)
    {
        string shape = WarpShape(i);
        PtxType result = i.Types[0], a = i.Types.Count == 4 ? i.Types[1] : PtxType.F16, accumulator = i.Types[^1];
        if (result != accumulator || i.Types.Count == 3 || a is not (PtxType.F16 or PtxType.BF16 or PtxType.TF32)
            || (a == PtxType.TF32) != (shape == "m16n16k8"))
        {
            throw i.Refuse("emulated are .f16, .bf16 and .tf32 operands with one type of accumulator");
        }
        var draft = new Draft(i);
        Fragment(d, i, draft, 0, WarpMatrix.Registers(result, true), result, write: true);
        Fragment(d, i, draft, 1, WarpMatrix.Registers(a, false), PtxType.B32, write: false);
        Fragment(d, i, draft, 2, WarpMatrix.Registers(a, false), PtxType.B32, write: false);
        Fragment(d, i, draft, 3, WarpMatrix.Registers(accumulator, true), accumulator, write: false);
        Describe(d, i, draft, a, a, result, a == PtxType.TF32 ? 8 : 16);
        Converge(draft, &WarpMatrix.Multiply);
        d.Emit(draft);
    }

    private static string WarpShape(PtxInstruction i)
    {
        RequireSync(i);
        string shape = i.Pick("", "m16n16k16", "m16n16k8");
        return shape.Length > 0 ? shape : throw i.Refuse("emulated are m16n16k16 and m16n16k8");
    }
}
