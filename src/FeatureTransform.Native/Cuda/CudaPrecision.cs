namespace FeatureTransform.Native;

/// <summary>How <see cref="CudaContrastiveStep"/> multiplies. All accumulate in fp32.</summary>
public enum CudaPrecision
{
    /// <summary>bf16 tensor cores: queries and negatives are rounded to bf16 before each product.</summary>
    BFloat16,

    /// <summary>TF32 tensor cores: operands keep 10 bits of mantissa.</summary>
    TensorFloat32,

    /// <summary>fp32 without tensor cores: the reference, and the only one for any number of channels.</summary>
    Float32,
}
