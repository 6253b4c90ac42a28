namespace FeatureTransform.Cuda.Emulator.Ptx;

/// <summary>A parsed PTX text.</summary>
internal sealed class PtxModule
{
    public string Version { get; set; } = "";

    public string Target { get; set; } = "";

    public Dictionary<string, PtxVariable> Variables { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, PtxFunction> Functions { get; } = new(StringComparer.Ordinal);

    /// <summary>Source files by their number in .file.</summary>
    public Dictionary<int, string> Files { get; } = [];

    /// <summary>Strings of the debug sections by label: names of inlined functions.</summary>
    public Dictionary<string, string> DebugStrings { get; } = new(StringComparer.Ordinal);

    /// <summary>Every .loc in order; instructions refer to them by index, 0 meaning none.</summary>
    public List<PtxLocation> Locations { get; } = [new PtxLocation(0, 0, 0, null, -1)];
}

/// <summary>
/// A place in the CUDA source; for inlined code the function's debug label and the index of the place that called it.
/// </summary>
internal readonly record struct PtxLocation(int File, int Line, int Column, string? FunctionLabel, int InlinedAt);

/// <summary>A variable or parameter in memory.</summary>
internal sealed class PtxVariable(string name, StateSpace space, PtxType type, int line)
{
    public string Name { get; } = name;

    public StateSpace Space { get; } = space;

    public PtxType Type { get; } = type;

    public int Line { get; } = line;

    public bool IsExtern { get; set; }

    public int Align { get; set; } = Math.Max(1, type.Bytes());

    /// <summary>Elements, 1 for a scalar, 0 for an array whose size the launch decides.</summary>
    public long Count { get; set; } = 1;

    public long Size => Count * Type.Bytes();

    public byte[]? Initial { get; set; }

    /// <summary>Addresses of symbols to be written into the initial value once they are known.</summary>
    public List<PtxRelocation> Relocations { get; } = [];

    /// <summary>Byte offset within its frame, block or parameter space, set when the function is laid out.</summary>
    public int Offset { get; set; }
}

internal readonly record struct PtxRelocation(int Offset, int Bytes, string Symbol, long Addend, int Line);

internal sealed class PtxRegister(string name, PtxType type, int index)
{
    public string Name { get; } = name;

    public PtxType Type { get; } = type;

    public int Index { get; } = index;

    public override string ToString() => $"{Name} (.{Type.Name()})";
}

/// <summary>A kernel or a device function.</summary>
internal sealed class PtxFunction(string name, bool isEntry, int line)
{
    public string Name { get; } = name;

    public bool IsEntry { get; } = isEntry;

    public int Line { get; } = line;

    public bool HasBody { get; set; }

    public List<PtxVariable> Returns { get; } = [];

    public List<PtxVariable> Parameters { get; } = [];

    public List<PtxRegister> Registers { get; } = [];

    /// <summary>Variables declared in the body: local, shared, and the .param of calls.</summary>
    public List<PtxVariable> Variables { get; } = [];

    public List<PtxInstruction> Body { get; } = [];

    /// <summary>Threads a block, from .maxntid or .reqntid; 0 where unstated.</summary>
    public (int X, int Y, int Z) MaxThreads { get; set; }

    public bool RequiresThreads { get; set; }

    public (int X, int Y, int Z) RequiredCluster { get; set; }
}
