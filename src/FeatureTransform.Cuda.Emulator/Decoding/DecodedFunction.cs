using System.Runtime.InteropServices;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Decoding;

/// <summary>A function as the interpreter runs it.</summary>
internal sealed unsafe class DecodedFunction(PtxFunction source, int number) : IDisposable
{
    private readonly List<nint> owned = [];
    private PtxInstruction[] sources = [];
    private bool[] checks = [];

    public PtxFunction Source { get; } = source;

    public string Name => Source.Name;

    public int Number { get; } = number;

    public Op* Code { get; private set; }

    public int Count { get; private set; }

    /// <summary>Bytes of the register file of all lanes, the constants at its start included.</summary>
    public int FrameBytes { get; set; }

    public byte* Constants { get; set; }

    public int ConstantBytes { get; set; }

    /// <summary>Registers of 32 bits a lane after allocation; a fact about this emulator, not about a device.</summary>
    public int RegisterSlots { get; set; }

    public int LocalBytes { get; set; }

    public int SharedBytes { get; set; }

    public int ParamBytes { get; set; }

    /// <summary>Bytes of the parameters of a kernel.</summary>
    public int KernelParamBytes { get; set; }

    /// <summary>Where this function's counters start.</summary>
    public int CountBase { get; set; }

    public PtxInstruction SourceOf(Op* op) => sources[op->Index];

    public PtxInstruction SourceOf(int index) => sources[index];

    /// <summary>Whether an operation is part of a check and no instruction of the kernel.</summary>
    public bool IsCheck(int index) => checks[index];

    public void SetCode(List<Op> ops, IReadOnlyList<Draft> drafts)
    {
        Count = ops.Count;
        Code = (Op*)Allocate(ops.Count * sizeof(Op));
        for (int i = 0; i < ops.Count; i++)
        {
            Code[i] = ops[i];
            Code[i].Index = i;
        }
        sources = [.. drafts.Select(d => d.Source)];
        checks = [.. drafts.Select(d => d.IsCheck)];
    }

    /// <summary>Native memory that lives as long as the function.</summary>
    public byte* Allocate(int bytes)
    {
        void* memory = NativeMemory.AlignedAlloc((nuint)Math.Max(bytes, 64), 64);
        owned.Add((nint)memory);
        return (byte*)memory;
    }

    public void Dispose()
    {
        foreach (nint memory in owned)
        {
            NativeMemory.AlignedFree((void*)memory);
        }
        owned.Clear();
    }
}
