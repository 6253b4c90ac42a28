namespace FeatureTransform.Cuda.Emulator.Execution;

/// <summary>One of the 16 barriers of a block.</summary>
internal struct Barrier
{
    /// <summary>Threads that have arrived in this phase.</summary>
    public int Arrived;

    /// <summary>Threads that are to arrive; 0 for all that have not exited.</summary>
    public int Expected;

    /// <summary>Completed phases.</summary>
    public int Phase;

    /// <summary>Threads whose predicate held, for bar.red.</summary>
    public int True;
}
