using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Operations;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Decoding;

/// <summary>
/// Turns the instructions of a function into operations; the families of instructions are decoded in Operations.
/// </summary>
internal sealed unsafe partial class FunctionDecoder(DecodedModule module, DecodedFunction function)
{
    /// <summary>Offset of the constant zero, which stands for absent sources.</summary>
    private const int ZeroOffset = 0;

    /// <summary>Offset of a place for results nobody wants.</summary>
    private const int ScratchOffset = 256;

    private readonly List<RegisterClass> classes = [.. function.Source.Registers.Select(r => ClassOf(r.Type))];
    private List<Draft> drafts = [];
    private readonly Dictionary<(ulong Bits, bool Wide), int> constants = [];
    private readonly List<(ulong Bits, bool Wide)> constantList = [];

    public DecodedModule Module { get; } = module;

    public DecodedFunction Function { get; } = function;

    public void Decode()
    {
        PlaceVariables();
        if (Function.Source.Body.Count == 0)
        {
            Function.Source.Body.Add(EndInstruction());
        }
        List<BasicBlock> order = ControlFlow.Order(Function.Source);
        var firstDraft = new Dictionary<BasicBlock, int>();
        var ranges = new List<(int First, int End)>();
        for (int b = 0; b < order.Count; b++)
        {
            BasicBlock block = order[b];
            firstDraft[block] = drafts.Count;
            for (int i = block.First; i < block.End; i++)
            {
                PtxInstruction instruction = Function.Source.Body[i];
                if (!OperationTable.Decoders.TryGetValue(instruction.Opcode, out Action<FunctionDecoder, PtxInstruction>? decode))
                {
                    throw instruction.Refuse("the instruction is known but not emulated");
                }
                decode(this, instruction);
            }
            EndBlock(block, b + 1 < order.Count ? order[b + 1] : null);
            ranges.Add((firstDraft[block], drafts.Count));
        }
        var index = order.Select((block, i) => (block, i)).ToDictionary(p => p.block, p => p.i);
        var flow = order.Select((block, i) => (ranges[i].First, ranges[i].End, block.Successors.Select(s => index[s]).ToArray()))
            .ToList();
        var allocator = new RegisterAllocator(classes, drafts, flow);
        int[] live = [.. allocator.LiveAtEntry];
        if (live.Length > 0)
        {
            (drafts, int[] starts) = new RegisterCheck(classes, drafts).Add(live);
            flow = [.. flow.Select((b, i) => (i == 0 ? 0 : starts[b.First], starts[b.End], b.Item3))];
            firstDraft = firstDraft.ToDictionary(p => p.Key, p => starts[p.Value]);
            allocator = new RegisterAllocator(classes, drafts, flow);
        }
        Finish(allocator, firstDraft);
    }

    private void EndBlock(BasicBlock block, BasicBlock? next)
    {
        bool endsBody = block.End == Function.Source.Body.Count && block.FallThrough is null
            && (block.First == block.End || !ControlFlow.EndsBlock(Function.Source.Body[block.End - 1])
                || Function.Source.Body[block.End - 1].Guard is not null);
        if (endsBody)
        {
            ControlDecoder.Return(this, EndInstruction());
        }
        else if (block.FallThrough is not null && block.FallThrough != next)
        {
            ControlDecoder.Jump(this, block.End > 0 ? Function.Source.Body[block.End - 1] : Function.Source.Body[0],
                block.FallThrough);
        }
    }

    private PtxInstruction EndInstruction()
    {
        int line = Function.Source.Body.Count > 0 ? Function.Source.Body[^1].Line : Function.Source.Line;
        return new PtxInstruction(OpcodeTable.Find(new Token(TokenKind.Identifier, "ret", 0, line), [], out _), line);
    }

    private void PlaceVariables()
    {
        PtxFunction source = Function.Source;
        int local = 0, shared = Function.SharedBytes, param = 0;
        foreach (PtxVariable variable in source.Returns.Concat(source.Parameters))
        {
            variable.Offset = DecodedModule.Align(ref param, variable);
        }
        if (source.IsEntry)
        {
            EntryParamBytes = param;
            param = 0;
        }
        foreach (PtxVariable variable in source.Variables)
        {
            switch (variable.Space)
            {
                case StateSpace.Local:
                    variable.Offset = DecodedModule.Align(ref local, variable);
                    break;
                case StateSpace.Shared when source.IsEntry && variable.Count > 0:
                    variable.Offset = DecodedModule.Align(ref shared, variable);
                    break;
                case StateSpace.Param:
                    variable.Offset = DecodedModule.Align(ref param, variable);
                    break;
            }
        }
        Function.LocalBytes = local;
        Function.SharedBytes = shared;
        Function.ParamBytes = (param + 15) & ~15;
        Function.KernelParamBytes = EntryParamBytes;
    }

    private int EntryParamBytes { get; set; }

    private void Finish(RegisterAllocator allocator, Dictionary<BasicBlock, int> firstDraft)
    {
        var byInstruction = firstDraft.ToDictionary(p => p.Key.First, p => p.Value);
        int constantBytes = 512;
        var constantOffsets = new int[constantList.Count];
        for (int i = 0; i < constantList.Count; i++)
        {
            constantOffsets[i] = constantBytes;
            constantBytes += constantList[i].Wide ? 256 : 128;
        }
        int[] offsets = allocator.Allocate(constantBytes, out int end);
        Function.FrameBytes = end;
        Function.ConstantBytes = constantBytes;
        Function.RegisterSlots = (end - constantBytes) / 128;
        Function.Constants = Function.Allocate(constantBytes);
        new Span<byte>(Function.Constants, constantBytes).Clear();
        for (int i = 0; i < constantList.Count; i++)
        {
            (ulong bits, bool wide) = constantList[i];
            byte* at = Function.Constants + constantOffsets[i];
            if (wide)
            {
                new Span<ulong>(at, 32).Fill(bits);
            }
            else
            {
                new Span<uint>(at, 32).Fill((uint)bits);
            }
        }
        int Offset(int id, int absence) => id < 0 ? absence : id >= Draft.FirstConstant
            ? constantOffsets[id - Draft.FirstConstant]
            : offsets[id] >= 0 ? offsets[id] : ScratchOffset;

        var ops = new List<Op>(drafts.Count);
        foreach (Draft draft in drafts)
        {
            Op op = draft.Op;
            int absent = op.Kind == OpKind.Control || draft.KeepsAbsent ? -1 : ZeroOffset;
            op.D = Offset(draft.D, ScratchOffset);
            op.D2 = Offset(draft.D2, ScratchOffset);
            op.A = Offset(draft.A, absent);
            op.B = Offset(draft.B, absent);
            op.C = Offset(draft.C, absent);
            op.Guard = Offset(draft.Guard, -1);
            op.Kind = op.Kind == OpKind.Control ? OpKind.Control : op.Guard >= 0 ? OpKind.Guarded : OpKind.Plain;
            if (draft.Target is { } target)
            {
                op.Target = byInstruction[target.First];
            }
            List<int>? list = draft.Targets is { } targets ? [.. targets.Select(t => byInstruction[t.First])]
                : draft.Numbers ?? (draft.List.Count > 0 ? [.. draft.List.Select(id => Offset(id, ScratchOffset))] : null);
            if (list is not null)
            {
                op.List = (int*)Function.Allocate(list.Count * sizeof(int));
                op.ListLength = list.Count;
                for (int i = 0; i < list.Count; i++)
                {
                    op.List[i] = list[i];
                }
            }
            ops.Add(op);
        }
        Function.SetCode(ops, drafts);
    }
}
