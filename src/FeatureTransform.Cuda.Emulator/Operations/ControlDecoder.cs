using FeatureTransform.Cuda.Emulator.Decoding;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>Decodes branches, calls and exits.</summary>
internal static unsafe class ControlDecoder
{
    public static void Register(Dictionary<string, Action<FunctionDecoder, PtxInstruction>> table)
    {
        table["bra"] = Branch;
        table["brx.idx"] = Indexed;
        table["ret"] = Return;
        table["exit"] = (d, i) => Control(d, i, &ControlOperations.Exit);
        table["trap"] = (d, i) => Control(d, i, &ControlOperations.Trap);
        table["brkpt"] = MoveDecoder.Nothing;
        table["call"] = Call;
    }

    private static Draft Control(FunctionDecoder d, PtxInstruction i, delegate*<Warp, Op*, void> run)
    {
        var draft = new Draft(i);
        draft.Op.Kind = OpKind.Control;
        draft.Op.Run = run;
        return d.Emit(draft);
    }

    private static void Branch(FunctionDecoder d, PtxInstruction i) =>
        Control(d, i, &ControlOperations.Branch).Target = new BasicBlock(i.Operands[0].Label!.Instruction);

    /// <summary>A jump that the layout of the blocks needs, behind an instruction of the text.</summary>
    public static void Jump(FunctionDecoder d, PtxInstruction after, BasicBlock target)
    {
        var jump = new PtxInstruction(OpcodeTable.Find(new Token(TokenKind.Identifier, "bra", 0, after.Line), [], out _),
            after.Line)
        {
            Location = after.Location,
        };
        Control(d, jump, &ControlOperations.Branch).Target = target;
    }

    private static void Indexed(FunctionDecoder d, PtxInstruction i)
    {
        var draft = new Draft(i) { A = d.Read(i, 0, PtxType.U32) };
        draft.Targets = [.. ControlFlow.Targets(i).Select(l => new BasicBlock(l.Instruction))];
        draft.Op.Kind = OpKind.Control;
        draft.Op.Run = &ControlOperations.BranchIndexed;
        d.Emit(draft);
    }

    /// <summary>ret, which in a kernel is exit.</summary>
    public static void Return(FunctionDecoder d, PtxInstruction i) =>
        Control(d, i, d.Function.Source.IsEntry ? &ControlOperations.Exit : &ControlOperations.Return);

    private static void Call(FunctionDecoder d, PtxInstruction i)
    {
        int at = 0;
        IReadOnlyList<PtxOperand> returns = [], arguments = [];
        if (i.Operands[0].Kind == OperandKind.List)
        {
            returns = i.Operands[at++].Items;
        }
        if (at >= i.Operands.Count)
        {
            throw i.Refuse("the name of a function is needed");
        }
        PtxOperand callee = i.Operands[at++];
        if (at < i.Operands.Count && i.Operands[at].Kind == OperandKind.List)
        {
            arguments = i.Operands[at++].Items;
        }
        var draft = new Draft(i) { Numbers = [returns.Count] };
        foreach (PtxOperand actual in returns.Concat(arguments))
        {
            if (actual.Variable is not { Space: StateSpace.Param } variable)
            {
                throw i.Refuse($"{actual} is no .param variable");
            }
            draft.Numbers.Add(variable.Offset);
            draft.Numbers.Add((int)variable.Size);
        }
        draft.Op.Kind = OpKind.Control;
        if (callee.Kind == OperandKind.Register)
        {
            draft.A = d.Read(i, callee, PtxType.U64, exact: true);
            draft.Op.Run = &ControlOperations.CallIndirect;
        }
        else if (d.Module.Find(callee.Name) is { Source.IsEntry: false } function)
        {
            Check(i, function, returns, arguments);
            draft.Op.Run = &ControlOperations.Call;
            draft.Op.Immediate = function.Number;
        }
        else
        {
            draft.Op.Kind = OpKind.Plain;
            draft.Op.Run = callee.Name switch
            {
                "vprintf" => &SystemCalls.Print,
                "__assertfail" => &SystemCalls.AssertionFailed,
                "malloc" => &SystemCalls.Allocate,
                "free" => &SystemCalls.Free,
                _ => throw i.Refuse($"'{callee.Name}' is no function with a body, and none of vprintf __assertfail malloc free"),
            };
        }
        d.Emit(draft);
    }

    private static void Check(PtxInstruction i, DecodedFunction function, IReadOnlyList<PtxOperand> returns,
        IReadOnlyList<PtxOperand> arguments)
    {
        if (function.Source.Returns.Count != returns.Count || function.Source.Parameters.Count != arguments.Count)
        {
            throw i.Refuse(
                $"{function.Name} takes {function.Source.Parameters.Count} arguments and returns "
                + $"{function.Source.Returns.Count} values");
        }
        foreach ((PtxOperand actual, PtxVariable formal) in returns.Concat(arguments)
            .Zip(function.Source.Returns.Concat(function.Source.Parameters)))
        {
            if (actual.Variable!.Size != formal.Size)
            {
                throw i.Refuse($"{actual} has {actual.Variable.Size} bytes, {formal.Name} of {function.Name} {formal.Size}");
            }
        }
    }
}
