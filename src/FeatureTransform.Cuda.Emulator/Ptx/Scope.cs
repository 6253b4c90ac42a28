namespace FeatureTransform.Cuda.Emulator.Ptx;

/// <summary>The names of a pair of braces; what it does not know its parent may.</summary>
internal sealed class Scope(Scope? parent)
{
    public Scope? Parent { get; } = parent;

    public Dictionary<string, PtxRegister> Registers { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, (PtxType Type, int Count)> Ranges { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, PtxVariable> Variables { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, PtxLabel> Labels { get; } = new(StringComparer.Ordinal);

    public PtxLabel? FindLabel(string name)
    {
        for (Scope? s = this; s is not null; s = s.Parent)
        {
            if (s.Labels.TryGetValue(name, out PtxLabel? label))
            {
                return label;
            }
        }
        return null;
    }
}
