namespace FeatureTransform.Native;

/// <summary>How the elements of a matrix are stored.</summary>
public enum ElementType
{
    /// <summary>32-bit floats.</summary>
    Float32,

    /// <summary>bfloat16, rounded to nearest even: half the memory, about three digits.</summary>
    BFloat16,
}
