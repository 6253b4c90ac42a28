namespace FeatureTransform.Cuda.Emulator.Host;

/// <summary>Counts the calls of each function, and makes some fail without doing anything.</summary>
internal sealed class ErrorInjection
{
    private readonly Dictionary<string, int> uses = [];
    private readonly Dictionary<(string Call, int Use), CUresult> failures = [];

    /// <summary>How often each function was called, those that were made to fail included.</summary>
    public IReadOnlyDictionary<string, int> Uses => uses;

    /// <summary>Lets a call fail at its n-th use from now, the next one being 1.</summary>
    public void Add(string call, int use, CUresult code) => failures[(call, uses.GetValueOrDefault(call) + use)] = code;

    /// <summary>Counts a use; what it is to answer, or success where it is to be done.</summary>
    public CUresult Count(string call)
    {
        int use = uses[call] = uses.GetValueOrDefault(call) + 1;
        return failures.Remove((call, use), out CUresult code) ? code : CUresult.CUDA_SUCCESS;
    }
}
