using System.Runtime.CompilerServices;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Decoding;

/// <summary>A straight run of instructions.</summary>
internal sealed class BasicBlock(int first)
{
    public int First { get; } = first;

    public int End { get; set; }

    public List<BasicBlock> Successors { get; } = [];

    /// <summary>The block that follows without a jump; null where control never falls through.</summary>
    public BasicBlock? FallThrough { get; set; }
}

/// <summary>
/// Basic blocks of a function in the order in which they are laid out: a weak topological order (Bourdoncle, "Efficient chaotic
/// iteration strategies with widenings", 1993). Loops are contiguous and what follows a loop comes after all of it, so that the
/// lanes furthest behind in this order are the ones to run, irreducible graphs included.
/// </summary>
internal sealed class ControlFlow
{
    private readonly PtxFunction function;
    private readonly Dictionary<int, BasicBlock> byFirst = [];
    private readonly Dictionary<BasicBlock, int> depthFirst = [];
    private readonly Stack<BasicBlock> stack = new();
    private int visited;

    private ControlFlow(PtxFunction function) => this.function = function;

    public static List<BasicBlock> Order(PtxFunction function)
    {
        var flow = new ControlFlow(function);
        List<BasicBlock> blocks = flow.Split();
        flow.Connect(blocks);
        var order = new LinkedList<BasicBlock>();
        flow.Visit(blocks[0], order);
        return [.. order];
    }

    private List<BasicBlock> Split()
    {
        List<PtxInstruction> body = function.Body;
        var starts = new SortedSet<int> { 0 };
        for (int i = 0; i < body.Count; i++)
        {
            foreach (PtxLabel label in Targets(body[i]))
            {
                starts.Add(label.Instruction);
            }
            if (EndsBlock(body[i]))
            {
                starts.Add(i + 1);
            }
        }
        starts.RemoveWhere(s => s > body.Count);
        var blocks = starts.Select(s => new BasicBlock(s)).ToList();
        for (int i = 0; i < blocks.Count; i++)
        {
            blocks[i].End = i + 1 < blocks.Count ? blocks[i + 1].First : body.Count;
            byFirst[blocks[i].First] = blocks[i];
        }
        return blocks;
    }

    private void Connect(List<BasicBlock> blocks)
    {
        for (int i = 0; i < blocks.Count; i++)
        {
            BasicBlock block = blocks[i];
            PtxInstruction? last = block.End > block.First ? function.Body[block.End - 1] : null;
            bool falls = last is null || !EndsBlock(last) || last.Guard is not null;
            if (falls && i + 1 < blocks.Count)
            {
                block.FallThrough = blocks[i + 1];
                block.Successors.Add(blocks[i + 1]);
            }
            if (last is not null)
            {
                foreach (PtxLabel label in Targets(last))
                {
                    block.Successors.Add(byFirst[label.Instruction]);
                }
            }
        }
    }

    public static bool EndsBlock(PtxInstruction instruction) =>
        instruction.Opcode is "bra" or "brx.idx" or "ret" or "exit" or "trap";

    /// <summary>The labels a branch may lead to.</summary>
    public static IEnumerable<PtxLabel> Targets(PtxInstruction instruction)
    {
        if (instruction.Opcode == "bra")
        {
            PtxLabel? label = instruction.Operands[0].Label;
            return label is { Instruction: >= 0, Targets: null, IsPrototype: false }
                ? [label]
                : throw instruction.Refuse($"{instruction.Operands[0]} is no label to branch to");
        }
        if (instruction.Opcode == "brx.idx")
        {
            List<PtxOperand> targets = instruction.Operands[1].Label?.Targets
                ?? throw instruction.Refuse("the second operand names no .branchtargets");
            return targets.Select(t => t.Label is { Instruction: >= 0, Targets: null } label
                ? label
                : throw instruction.Refuse($"{t} is no label to branch to"));
        }
        return [];
    }

    private int Visit(BasicBlock block, LinkedList<BasicBlock> order)
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        stack.Push(block);
        int head = depthFirst[block] = ++visited, own = head;
        bool loops = false;
        foreach (BasicBlock next in block.Successors)
        {
            int least = depthFirst.GetValueOrDefault(next) is > 0 and int seen ? seen : Visit(next, order);
            if (least <= head)
            {
                head = least;
                loops = true;
            }
        }
        if (head == own)
        {
            depthFirst[block] = int.MaxValue;
            BasicBlock popped = stack.Pop();
            if (loops)
            {
                while (popped != block)
                {
                    depthFirst[popped] = 0;
                    popped = stack.Pop();
                }
                // The rest of the loop, ordered for itself without the way back to its head.
                var inner = new LinkedList<BasicBlock>();
                foreach (BasicBlock next in block.Successors)
                {
                    if (depthFirst.GetValueOrDefault(next) == 0)
                    {
                        Visit(next, inner);
                    }
                }
                for (LinkedListNode<BasicBlock>? node = inner.Last; node is not null; node = node.Previous)
                {
                    order.AddFirst(node.Value);
                }
            }
            order.AddFirst(block);
        }
        return head;
    }
}
