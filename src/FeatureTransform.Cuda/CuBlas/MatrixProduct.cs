namespace FeatureTransform.Cuda;

/// <summary>How the elements of a product are multiplied; sums are fp32.</summary>
internal enum ProductPrecision
{
    /// <summary>fp32 without tensor cores.</summary>
    Float32,

    /// <summary>Operands of fp32 that keep 10 bits of mantissa.</summary>
    TensorFloat32,

    /// <summary>Operands of bf16.</summary>
    BFloat16,
}

/// <summary>What is done to a product before it is stored.</summary>
internal enum ProductEpilogue
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>A bias is added to each row: N entries, in the type of the result.</summary>
    Bias,

    /// <summary>A bias is added, and what is below 0 becomes 0.</summary>
    BiasRelu,
}

/// <summary>
/// A matrix product D = op(A) op(B) with D: M x N, op(A): M x K, op(B): K x N, all row-major and contiguous.
/// </summary>
/// <param name="M">Rows of D.</param>
/// <param name="N">Columns of D.</param>
/// <param name="K">Length of the sums.</param>
/// <param name="TransposeA">A lies in memory as K x M.</param>
/// <param name="TransposeB">B lies in memory as N x K.</param>
/// <param name="Precision">Type of A and B, and how they are multiplied.</param>
/// <param name="RoundsResult">Whether D is bf16; otherwise it is fp32.</param>
/// <param name="Epilogue">What comes before the store.</param>
internal readonly record struct MatrixProduct(
    int M, int N, int K, bool TransposeA, bool TransposeB, ProductPrecision Precision, bool RoundsResult, ProductEpilogue Epilogue);
