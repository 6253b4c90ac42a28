using FeatureTransform.Cuda.Emulator.Decoding;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>Decodes moves, addresses and what only hints.</summary>
internal static unsafe class MoveDecoder
{
    public static void Register(Dictionary<string, Action<FunctionDecoder, PtxInstruction>> table)
    {
        table["mov"] = Mov;
        table["cvta"] = Cvta;
        table["isspacep"] = IsSpace;
        table["mapa"] = Mapa;
        table["getctarank"] = Rank;
        string[] hints =
        [
            "prefetch", "prefetchu", "applypriority", "discard", "pmevent", "setmaxnreg", "nanosleep",
            "cp.async.bulk.prefetch.L2", "griddepcontrol",
        ];
        foreach (string hint in hints)
        {
            table[hint] = Nothing;
        }
        table["createpolicy"] = (d, i) =>
        {
            var draft = new Draft(i) { D = d.Write(i, 0, PtxType.B64), A = d.Constant(0, true) };
            draft.Op.Run = &Lanes.Unary64<Copy64>;
            d.Emit(draft);
        };
        table["movmatrix"] = (d, i) => throw i.Refuse("movmatrix is not emulated; use ldmatrix and stmatrix");
    }

    /// <summary>Hints change no result.</summary>
    public static void Nothing(FunctionDecoder d, PtxInstruction i)
    {
        var draft = new Draft(i);
        draft.Op.Run = &MoveOperations.Nothing;
        d.Emit(draft);
    }

    private static void Mov(FunctionDecoder d, PtxInstruction i)
    {
        PtxType t = i.Type;
        PtxOperand target = i.Operands[0], source = i.Operands[1];
        if (target.Kind == OperandKind.Vector)
        {
            Split(d, i, target, t);
        }
        else if (source.Kind == OperandKind.Vector)
        {
            Join(d, i, source, t);
        }
        else if (t == PtxType.Pred)
        {
            Draft draft = d.Plain(i, &PredicateOperations.Copy, t, t);
            draft.Op.Form = source.IsNegated ? PredicateOperations.FirstNegated : (byte)0;
        }
        else if (source.Kind == OperandKind.Special)
        {
            bool loose = source.Special.Is64Bit() != (t.Bits() == 64) && t.Bits() < 32;
            if (loose)
            {
                throw i.Refuse($"{source.Name} does not fit .{t.Name()}");
            }
            var draft = new Draft(i) { D = d.Write(i, 0, t) };
            draft.Op.Run = &SpecialOperations.Read;
            draft.Op.Immediate = (long)source.Special;
            d.Emit(draft);
        }
        else
        {
            d.Plain(i, t.Bits() == 64 ? &Lanes.Unary64<Copy64> : &Lanes.Unary32<Copy32>, t, t);
        }
    }

    // mov.b32 {lo, hi}, a: each part gets its share of the bits.
    private static void Split(FunctionDecoder d, PtxInstruction i, PtxOperand target, PtxType t)
    {
        int parts = target.Items.Count;
        PtxType part = Part(i, t, parts);
        var draft = new Draft(i) { A = d.Read(i, 1, t) };
        foreach (PtxOperand item in target.Items)
        {
            draft.AddDef(d.Write(i, item, part, exact: true));
        }
        draft.Op.Size = (byte)part.Bits();
        draft.Op.Run = &MoveOperations.Split;
        d.Emit(draft);
    }

    private static void Join(FunctionDecoder d, PtxInstruction i, PtxOperand source, PtxType t)
    {
        PtxType part = Part(i, t, source.Items.Count);
        var draft = new Draft(i) { D = d.Write(i, 0, t) };
        foreach (PtxOperand item in source.Items)
        {
            draft.AddUse(d.Read(i, item, part, exact: true));
        }
        draft.Op.Size = (byte)part.Bits();
        draft.Op.Run = &MoveOperations.Join;
        d.Emit(draft);
    }

    private static PtxType Part(PtxInstruction i, PtxType t, int parts) => (t.Bits() / Math.Max(parts, 1), parts) switch
    {
        (32, 2) => PtxType.B32,
        (16, 2 or 4) => PtxType.B16,
        (8, 2 or 4) => PtxType.B16, // bytes live in 16-bit registers
        _ => throw i.Refuse($".{t.Name()} has no {parts} parts"),
    };

    private static void Cvta(FunctionDecoder d, PtxInstruction i)
    {
        PtxType t = i.Type;
        ulong window = Window(i);
        if (t.Bits() == 32 && window != 0)
        {
            throw i.Refuse("generic addresses have 64 bits");
        }
        if (window == 0)
        {
            d.Plain(i, t.Bits() == 64 ? &Lanes.Unary64<Copy64> : &Lanes.Unary32<Copy32>, t, t);
            return;
        }
        var draft = new Draft(i)
        {
            D = d.Write(i, 0, t),
            A = d.Read(i, 1, t),
            B = d.Constant(i.Has("to") ? 0 - window : window, true)
        };
        draft.Op.Run = &Lanes.Binary64<Add64>;
        d.Emit(draft);
    }

    private static ulong Window(PtxInstruction i) =>
        i.Pick("", "global", "local", "shared", "shared::cta", "shared::cluster", "const", "param", "param::entry") switch
        {
            "shared" or "shared::cta" or "shared::cluster" => Execution.Window.Shared,
            "local" => Execution.Window.Local,
            "param" or "param::entry" => Execution.Window.Param,
            "" => throw i.Refuse("a state space is needed"),
            _ => 0,
        };

    private static void IsSpace(FunctionDecoder d, PtxInstruction i)
    {
        var draft = new Draft(i) { D = d.Write(i, 0, PtxType.Pred), A = d.Read(i, 1, PtxType.U64) };
        draft.Op.Run = &MoveOperations.IsSpace;
        draft.Op.Immediate = (long)Window(i);
        draft.Op.Form = (byte)(i.Has("const") ? 1 : i.Has("shared::cluster") ? 2 : 0);
        d.Emit(draft);
    }

    private static void Mapa(FunctionDecoder d, PtxInstruction i)
    {
        PtxType t = i.Type;
        var draft = new Draft(i) { D = d.Write(i, 0, t), A = d.Read(i, 1, t), B = d.Read(i, 2, PtxType.U32) };
        draft.Op.Run = &ClusterOperations.MapAddress;
        draft.Op.Form = (byte)(i.Has("shared::cluster") ? 1 : 0);
        d.Emit(draft);
    }

    private static void Rank(FunctionDecoder d, PtxInstruction i)
    {
        var draft = new Draft(i) { D = d.Write(i, 0, PtxType.U32), A = d.Read(i, 1, i.Type) };
        draft.Op.Run = &ClusterOperations.RankOf;
        d.Emit(draft);
    }
}
