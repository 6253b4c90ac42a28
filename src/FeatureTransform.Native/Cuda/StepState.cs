namespace FeatureTransform.Native.Cuda;

/// <summary>
/// What a step reads and moves on in device memory, so that a captured graph replays without the host: StepState of
/// kernels/common/types.cuh.
/// </summary>
internal struct StepState
{
    /// <summary>Step number: with the seed it determines every lambda and the permutation.</summary>
    public uint Step;

    /// <summary>0: plain InfoNCE, before the begin epoch.</summary>
    public uint Transform;

    /// <summary>Queue row that the next key replaces.</summary>
    public uint Position;

    /// <summary>0.</summary>
    public uint Reserved;
}
