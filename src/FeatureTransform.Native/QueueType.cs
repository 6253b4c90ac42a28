namespace FeatureTransform.Native;

/// <summary>How the rows of a <see cref="FeatureQueue"/> are stored.</summary>
public enum QueueType
{
    /// <summary>32-bit floats.</summary>
    Float32,

    /// <summary>bfloat16, rounded to nearest even: half the memory, unit length to about three digits.</summary>
    BFloat16,
}
