using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Decoding;

/// <summary>An operation whose registers are still virtual.</summary>
internal sealed class Draft(PtxInstruction source)
{
    public const int None = -1;

    /// <summary>Numbers from here on stand for constants.</summary>
    public const int FirstConstant = 1 << 24;

    public Op Op;

    public PtxInstruction Source { get; } = source;

    public int D { get; set; } = None;

    public int D2 { get; set; } = None;

    public int A { get; set; } = None;

    public int B { get; set; } = None;

    public int C { get; set; } = None;

    public int Guard { get; set; } = None;

    /// <summary>Registers beyond the named ones.</summary>
    public List<int> List { get; } = [];

    /// <summary>Numbers that the list holds in place of registers.</summary>
    public List<int>? Numbers { get; set; }

    public List<int> Uses { get; } = [];

    public List<int> Defs { get; } = [];

    /// <summary>Whether the handler looks for -1 in place of an absent source; else it gets zero.</summary>
    public bool KeepsAbsent { get; set; }

    /// <summary>Part of a check, not an instruction of the kernel.</summary>
    public bool IsCheck { get; init; }

    public bool IsGuarded => Guard >= 0;

    public BasicBlock? Target { get; set; }

    /// <summary>The targets of an indexed branch.</summary>
    public IReadOnlyList<BasicBlock>? Targets { get; set; }

    /// <summary>Adds a register that is read to the list.</summary>
    public void AddUse(int id)
    {
        List.Add(id);
        if (id is >= 0 and < FirstConstant)
        {
            Uses.Add(id);
        }
    }

    /// <summary>Adds a register that is written to the list.</summary>
    public void AddDef(int id)
    {
        List.Add(id);
        if (id >= 0)
        {
            Defs.Add(id);
        }
    }
}
