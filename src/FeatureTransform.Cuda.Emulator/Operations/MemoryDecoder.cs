using FeatureTransform.Cuda.Emulator.Decoding;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>Decodes loads and stores.</summary>
internal static unsafe class MemoryDecoder
{
    public static void Register(Dictionary<string, Action<FunctionDecoder, PtxInstruction>> table)
    {
        table["ld"] = table["ldu"] = Load;
        table["st"] = Store;
    }

    private static void Load(FunctionDecoder d, PtxInstruction i)
    {
        var draft = new Draft(i);
        foreach (PtxOperand item in Elements(i, i.Operands[0]))
        {
            draft.AddDef(d.Write(i, item, Register(i), exact: false));
        }
        draft.Op.Run = Address(d, i, draft, i.Operands[1]) switch
        {
            StateSpaceCode.KernelParam when draft.A < 0 => &MemoryOperations.LoadKernelParam,
            StateSpaceCode.FrameParam => &MemoryOperations.LoadFrameParam,
            _ => &MemoryOperations.Load,
        };
        Shape(d, i, draft);
        d.Emit(draft);
    }

    private static void Store(FunctionDecoder d, PtxInstruction i)
    {
        var draft = new Draft(i);
        foreach (PtxOperand item in Elements(i, i.Operands[1]))
        {
            draft.AddUse(d.Read(i, item, Register(i), exact: false));
        }
        draft.Op.Run = Address(d, i, draft, i.Operands[0]) switch
        {
            StateSpaceCode.FrameParam => &MemoryOperations.StoreFrameParam,
            StateSpaceCode.KernelParam => throw i.Refuse("the parameters of a kernel cannot be written"),
            _ => &MemoryOperations.Store,
        };
        Shape(d, i, draft);
        d.Emit(draft);
    }

    // Bytes travel in registers of 16 bits and more.
    private static PtxType Register(PtxInstruction i) => i.Type.Bits() switch
    {
        8 => PtxType.B16,
        128 => throw i.Refuse(".b128 is not emulated"),
        _ => i.Type,
    };

    public static IReadOnlyList<PtxOperand> Elements(PtxInstruction i, PtxOperand operand)
    {
        int count = i.Pick("v1", "v2", "v4", "v8")[1] - '0';
        IReadOnlyList<PtxOperand> items = operand.Kind == OperandKind.Vector ? operand.Items : [operand];
        return items.Count == count ? items : throw i.Refuse($"{count} element(s) are needed, {items.Count} are given");
    }

    private static void Shape(FunctionDecoder d, PtxInstruction i, Draft draft)
    {
        draft.Op.Size = (byte)i.Type.Bytes();
        draft.Op.Count = (byte)draft.List.Count;
        draft.Op.Signed = i.Type.IsSigned();
        draft.Op.Form = (byte)((i.Has("volatile") || i.Has("relaxed") || i.Has("acquire") || i.Has("release") ? MemoryForm.Strong
            : 0)
            | (i.Has("acquire") ? MemoryForm.Acquire : 0) | (i.Has("release") ? MemoryForm.Release : 0)
                | (i.Has("nc") ? MemoryForm.ReadOnly : 0));
        // Which registers of the list are double words, and how far a sign reaches in the others.
        uint wide = 0;
        for (int k = 0; k < draft.List.Count; k++)
        {
            wide |= d.IsWide(draft.List[k]) ? 1u << k : 0;
        }
        draft.Op.Target = (int)wide;
        PtxOperand first = i.Opcode == "st" ? i.Operands[1] : i.Operands[0];
        first = first.Kind == OperandKind.Vector ? first.Items[0] : first;
        draft.Op.Mode = (byte)(first.Register?.Type.Bits() ?? i.Type.Bits());
    }

    /// <summary>Decodes [base + offset] into A, Immediate and Space.</summary>
    public static StateSpaceCode Address(FunctionDecoder d, PtxInstruction i, Draft draft, PtxOperand operand)
    {
        if (operand.Kind != OperandKind.Address)
        {
            throw i.Refuse($"expected an address in brackets, found {operand}");
        }
        PtxOperand inner = operand.Items[0];
        string space = i.Pick("", "global", "local", "shared", "shared::cta", "shared::cluster", "const", "param", "param::entry",
            "param::func");
        StateSpaceCode code = space switch
        {
            "global" or "const" => StateSpaceCode.Global,
            "local" => StateSpaceCode.Local,
            "shared" or "shared::cta" or "shared::cluster" => StateSpaceCode.Shared,
            "param" or "param::entry" or "param::func" => ParamSpace(d, i, inner),
            _ => StateSpaceCode.Generic,
        };
        draft.KeepsAbsent = true;
        draft.Op.Immediate = (long)operand.Value;
        draft.Op.Space = code;
        switch (inner.Kind)
        {
            case OperandKind.Register:
                if (inner.Register!.Type.Bits() is not (32 or 64) || code == StateSpaceCode.Generic
                    && inner.Register.Type.Bits() != 64)
                {
                    throw i.Refuse($"{inner} is no address of this state space");
                }
                draft.A = inner.Register.Index;
                break;
            case OperandKind.Integer:
                draft.Op.Immediate += (long)inner.Value;
                break;
            default:
                Symbol(d, i, draft, inner, code);
                break;
        }
        return code;
    }

    private static void Symbol(FunctionDecoder d, PtxInstruction i, Draft draft, PtxOperand inner, StateSpaceCode code)
    {
        if (inner.Variable is not { } variable)
        {
            throw i.Refuse($"'{inner.Name}' is no variable");
        }
        bool fits = (code, variable.Space) switch
        {
            (StateSpaceCode.Global, StateSpace.Global or StateSpace.Const) => true,
            (StateSpaceCode.Shared, StateSpace.Shared) => true,
            (StateSpaceCode.Local, StateSpace.Local) => true,
            (StateSpaceCode.KernelParam or StateSpaceCode.FrameParam, StateSpace.Param) => true,
            (StateSpaceCode.Generic, StateSpace.Global or StateSpace.Const) => true,
            _ => false,
        };
        if (!fits)
        {
            throw i.Refuse($"{variable.Name} lies in .{variable.Space.ToString().ToLowerInvariant()} memory");
        }
        if (code is StateSpaceCode.KernelParam or StateSpaceCode.FrameParam)
        {
            draft.Op.Immediate += variable.Offset + (long)inner.Value;
            return;
        }
        draft.A = d.Address(i, inner, PtxType.U64);
    }

    // Kernel parameters are the same for all threads; everything else of .param belongs to calls.
    private static StateSpaceCode ParamSpace(FunctionDecoder d, PtxInstruction i, PtxOperand inner)
    {
        bool entry = d.Function.Source.IsEntry;
        if (inner.Kind == OperandKind.Symbol && inner.Variable is { } variable)
        {
            return entry && d.Function.Source.Parameters.Contains(variable) ? StateSpaceCode.KernelParam
                : StateSpaceCode.FrameParam;
        }
        return entry ? StateSpaceCode.KernelParam : StateSpaceCode.FrameParam;
    }
}

[Flags]
internal enum MemoryForm : byte
{
    None = 0,

    /// <summary>Meant for communication: relaxed, acquire, release or volatile.</summary>
    Strong = 1,
    Acquire = 2,
    Release = 4,

    /// <summary>ld.global.nc: the kernel must not write the same bytes.</summary>
    ReadOnly = 8,
}
