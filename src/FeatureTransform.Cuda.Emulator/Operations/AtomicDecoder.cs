using FeatureTransform.Cuda.Emulator.Decoding;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

internal enum AtomicOperation : byte
{
    Add, Min, Max, Inc, Dec, Exch, Cas, And, Or, Xor,
}

/// <summary>Decodes atom and red: B and C are the operands, Mode the operation, Count the type.</summary>
internal static unsafe class AtomicDecoder
{
    public static void Register(Dictionary<string, Action<FunctionDecoder, PtxInstruction>> table)
    {
        table["atom"] = (d, i) => Decode(d, i, 1);
        table["red"] = (d, i) => Decode(d, i, 0);
    }

    private static void Decode(FunctionDecoder d, PtxInstruction i, int first)
    {
        string name = i.Pick("", "add", "min", "max", "inc", "dec", "exch", "cas", "and", "or", "xor");
        if (!Enum.TryParse(name, ignoreCase: true, out AtomicOperation operation))
        {
            throw i.Refuse("one of .add .min .max .inc .dec .exch .cas .and .or .xor is needed");
        }
        if (i.Has("v2") || i.Has("v4") || i.Has("v8"))
        {
            throw i.Refuse("atomics on vectors are not emulated");
        }
        PtxType t = i.Type;
        bool fits = operation switch
        {
            AtomicOperation.Add => t is PtxType.U32 or PtxType.S32 or PtxType.U64 or PtxType.S64 or PtxType.B32 or PtxType.B64
                || t.IsFloat(),
            AtomicOperation.Min or AtomicOperation.Max =>
                t is PtxType.U32 or PtxType.S32 or PtxType.U64 or PtxType.S64 || t.IsFloat() && t.Bits() < 64 && t != PtxType.F32,
            AtomicOperation.Inc or AtomicOperation.Dec => t == PtxType.U32,
            _ => t is PtxType.B16 or PtxType.B32 or PtxType.B64 or PtxType.U32 or PtxType.S32 or PtxType.U64 or PtxType.S64,
        };
        if (!fits)
        {
            throw i.Refuse($".{name} has no form for .{t.Name()}");
        }
        int sources = operation == AtomicOperation.Cas ? 2 : 1;
        if (i.Operands.Count != first + 1 + sources)
        {
            throw i.Refuse($"{first + 1 + sources} operands are needed");
        }
        var draft = new Draft(i) { B = d.Read(i, first + 1, t), C = sources == 2 ? d.Read(i, first + 2, t) : Draft.None };
        if (first == 1)
        {
            draft.D = d.Write(i, 0, t);
        }
        StateSpaceCode space = MemoryDecoder.Address(d, i, draft, i.Operands[first]);
        draft.Op.Run = &AtomicOperations.Run;
        draft.Op.Mode = (byte)operation;
        draft.Op.Count = (byte)t;
        draft.Op.Size = (byte)t.Bytes();
        draft.Op.Signed = first == 1 && draft.D >= 0;
        // atom.add.f32 on global memory flushes subnormal numbers, on shared memory it does not.
        draft.Op.Form = (byte)(MemoryForm.Strong | (i.Has("acquire") || i.Has("acq_rel") ? MemoryForm.Acquire : 0)
            | (i.Has("release") || i.Has("acq_rel") ? MemoryForm.Release : 0));
        draft.Op.Target = space == StateSpaceCode.Shared ? 0 : 1;
        d.Emit(draft);
    }
}
