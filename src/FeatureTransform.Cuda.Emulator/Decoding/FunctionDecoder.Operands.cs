using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Memory;
using FeatureTransform.Cuda.Emulator.Operations;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Decoding;

internal sealed unsafe partial class FunctionDecoder
{
    public static RegisterClass ClassOf(PtxType type) => type == PtxType.Pred ? RegisterClass.Predicate
        : type.Bits() == 64 ? RegisterClass.DoubleWord
        : type.Bits() <= 32 ? RegisterClass.Word
        : throw new PtxException("registers of 128 bits are not emulated");

    public bool IsWide(int id) => id >= Draft.FirstConstant ? constantList[id - Draft.FirstConstant].Wide : id >= 0
        && classes[id] == RegisterClass.DoubleWord;

    public int Temporary(RegisterClass kind)
    {
        classes.Add(kind);
        return classes.Count - 1;
    }

    public int Constant(ulong bits, bool wide)
    {
        (ulong, bool) key = (wide ? bits : (uint)bits, wide);
        if (!constants.TryGetValue(key, out int id))
        {
            constants[key] = id = Draft.FirstConstant + constantList.Count;
            constantList.Add(key);
        }
        return id;
    }

    /// <summary>A source operand of a type; registers must have its width.</summary>
    public int Read(PtxInstruction i, int operand, PtxType type) => Read(i, i.Operands[operand], type, exact: true);

    public int Read(PtxInstruction i, PtxOperand operand, PtxType type, bool exact)
    {
        switch (operand.Kind)
        {
            case OperandKind.Register when !operand.IsNegated || type == PtxType.Pred:
                RegisterClass kind = ClassOf(operand.Register!.Type);
                bool fits = kind == ClassOf(type) || !exact && kind != RegisterClass.Predicate && type != PtxType.Pred;
                return fits ? operand.Register.Index : throw i.Refuse($"{operand} does not fit .{type.Name()}");
            case OperandKind.Special:
                return SpecialValue(i, operand, type);
            case OperandKind.Symbol or OperandKind.Label:
                return Address(i, operand, type);
            case OperandKind.Integer when type == PtxType.Pred:
                return Constant(operand.Value != 0 ? uint.MaxValue : 0, false); // the same for all lanes
            default:
                return Constant(Immediate(i, operand, type), type.Bits() == 64);
        }
    }

    /// <summary>The bits of a number as a value of the type.</summary>
    public static ulong Immediate(PtxInstruction i, PtxOperand operand, PtxType type)
    {
        bool single = type is PtxType.F32 or PtxType.B32 or PtxType.TF32 or PtxType.U32 or PtxType.S32;
        bool twice = type is PtxType.F64 or PtxType.B64 or PtxType.U64 or PtxType.S64;
        return operand.Kind switch
        {
            OperandKind.Integer when !type.IsFloat() || type is PtxType.F16 or PtxType.BF16 or PtxType.F16x2 or PtxType.BF16x2 =>
                type.Bits() == 64 ? operand.Value : operand.Value & ((1ul << type.Bits()) - 1),
            OperandKind.Integer when operand.Value == 0 => 0,
            OperandKind.Float32 when single => operand.Value,
            OperandKind.Float32 when twice => BitConverter.DoubleToUInt64Bits(
                BitConverter.UInt32BitsToSingle((uint)operand.Value)),
            OperandKind.Float64 when twice => operand.Value,
            OperandKind.Float64 when single => BitConverter.SingleToUInt32Bits(
                (float)BitConverter.UInt64BitsToDouble(operand.Value)),
            _ => throw i.Refuse($"{operand} is no value of type .{type.Name()}"),
        };
    }

    /// <summary>A destination register of a type, or nothing for _.</summary>
    public int Write(PtxInstruction i, int operand, PtxType type) => Write(i, i.Operands[operand], type, exact: true);

    [System.Diagnostics.CodeAnalysis.SuppressMessage("Performance", "CA1822", Justification = "the counterpart of Read")]
    public int Write(PtxInstruction i, PtxOperand operand, PtxType type, bool exact)
    {
        if (operand.Kind == OperandKind.Sink)
        {
            return Draft.None;
        }
        if (operand.Kind != OperandKind.Register || operand.IsNegated)
        {
            throw i.Refuse($"{operand} is no register to write to");
        }
        RegisterClass kind = ClassOf(operand.Register!.Type), wanted = ClassOf(type);
        bool fits = kind == wanted || !exact && kind != RegisterClass.Predicate && wanted != RegisterClass.Predicate;
        return fits ? operand.Register.Index : throw i.Refuse($"{operand} does not fit .{type.Name()}");
    }

    /// <summary>Adds an operation; its D, A, B, C are noted as written and read.</summary>
    public Draft Emit(Draft draft)
    {
        PtxInstruction i = draft.Source;
        if (i.Guard is { } guard)
        {
            draft.Guard = guard.Index;
            draft.Op.GuardFlip = i.GuardNegated ? ~0u : 0;
            draft.Uses.Add(guard.Index);
        }
        Span<int> sources = [draft.A, draft.B, draft.C];
        foreach (int source in sources)
        {
            if (source >= 0 && source < Draft.FirstConstant)
            {
                draft.Uses.Add(source);
            }
        }
        Span<int> targets = [draft.D, draft.D2];
        foreach (int target in targets)
        {
            if (target >= 0)
            {
                draft.Defs.Add(target);
            }
        }
        draft.Op.Wide = (IsWide(draft.D) ? Wide.D : 0) | (IsWide(draft.A) ? Wide.A : 0) | (IsWide(draft.B) ? Wide.B : 0)
            | (IsWide(draft.C) ? Wide.C : 0);
        drafts.Add(draft);
        return draft;
    }

    /// <summary>The address of a symbol as a value.</summary>
    public int Address(PtxInstruction i, PtxOperand operand, PtxType type)
    {
        if (type == PtxType.Pred || type.Bits() < 32)
        {
            throw i.Refuse($"the address of {operand.Name} does not fit .{type.Name()}");
        }
        bool wide = type.Bits() == 64;
        if (operand.Variable is not { } variable)
        {
            DecodedFunction callee = Module.Find(operand.Name)
                ?? throw i.Refuse($"'{operand.Name}' is no variable and no function with a body");
            return Constant(DecodedModule.AddressOf(callee), wide);
        }
        switch (variable.Space)
        {
            case StateSpace.Global or StateSpace.Const:
                Region region = Module.Global(variable.Name) ?? throw i.Refuse($"{variable.Name} has no memory");
                return Constant(region.Address + operand.Value, wide);
            case StateSpace.Shared:
                return SharedAddress(i, operand, wide);
            case StateSpace.Param:
                return Constant((ulong)variable.Offset + operand.Value, wide);
            default:
                int temporary = Temporary(wide ? RegisterClass.DoubleWord : RegisterClass.Word);
                var draft = new Draft(i) { D = temporary };
                draft.Op.Run = &MoveOperations.LocalAddress;
                draft.Op.Immediate = variable.Offset + (long)operand.Value;
                Emit(draft);
                return temporary;
        }
    }

    /// <summary>Offset in the block's shared memory; memory whose size the launch decides lies behind all the rest.</summary>
    private int SharedAddress(PtxInstruction i, PtxOperand operand, bool wide)
    {
        PtxVariable variable = operand.Variable!;
        if (variable.Count > 0)
        {
            return Constant((ulong)variable.Offset + operand.Value, wide);
        }
        int temporary = Temporary(wide ? RegisterClass.DoubleWord : RegisterClass.Word);
        var draft = new Draft(i) { D = temporary };
        draft.Op.Run = &MoveOperations.DynamicSharedAddress;
        draft.Op.Immediate = (long)operand.Value;
        Emit(draft);
        return temporary;
    }

    private int SpecialValue(PtxInstruction i, PtxOperand operand, PtxType type)
    {
        bool wide = type.Bits() == 64;
        int temporary = Temporary(wide ? RegisterClass.DoubleWord : RegisterClass.Word);
        var draft = new Draft(i) { D = temporary };
        draft.Op.Run = &SpecialOperations.Read;
        draft.Op.Immediate = (long)operand.Special;
        Emit(draft);
        return temporary;
    }
}
