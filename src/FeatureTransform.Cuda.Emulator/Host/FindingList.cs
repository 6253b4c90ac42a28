using FeatureTransform.Cuda.Emulator.Execution;

namespace FeatureTransform.Cuda.Emulator.Host;

/// <summary>What was found so far; equal findings are counted as one.</summary>
internal sealed class FindingList
{
    private readonly Lock gate = new();
    private readonly List<Finding> all = [];
    private readonly Dictionary<(string Kind, string Where, string Detail), Finding> known = [];

    public IReadOnlyList<Finding> Snapshot()
    {
        lock (gate)
        {
            return [.. all];
        }
    }

    public void Clear()
    {
        lock (gate)
        {
            all.Clear();
            known.Clear();
        }
    }

    public void Add(Finding finding)
    {
        (string, string, string) key = finding.Call.Length > 0
            ? (finding.Kind, finding.Call, finding.Message)
            : (finding.Kind, finding.Kernel, finding.Line > 0 ? $"{finding.File}:{finding.Line}" : $"PTX {finding.PtxLine}");
        lock (gate)
        {
            if (known.TryGetValue(key, out Finding? earlier))
            {
                earlier.Add(finding);
            }
            else
            {
                known.Add(key, finding);
                all.Add(finding);
            }
        }
    }
}
