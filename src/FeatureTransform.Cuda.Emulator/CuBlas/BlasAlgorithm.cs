using FeatureTransform.Cuda.Emulator.Host;

namespace FeatureTransform.Cuda.Emulator.CuBlas;

/// <summary>
/// An algorithm as the heuristics give it: it remembers for what product it was chosen, what workspace it needs and what
/// alignments it relies on, so that its use for anything else is found.
/// </summary>
internal static unsafe class BlasAlgorithm
{
    private const ulong Mark = 0x4654_424C_4153_4C54;

    /// <summary>As split sums would need it: an fp32 copy of D, where that is allowed.</summary>
    public static cublasLtMatmulAlgo_t For(BlasProduct product, BlasPreference limits, out ulong workspace)
    {
        ulong wanted = product.M * product.N * sizeof(float);
        workspace = wanted <= limits.MaxWorkspaceBytes ? wanted : 0;
        cublasLtMatmulAlgo_t algorithm = default;
        algorithm.data[0] = Mark;
        algorithm.data[1] = Hash(product);
        algorithm.data[2] = workspace;
        for (int i = 0; i < limits.Alignments.Length; i++)
        {
            algorithm.data[3] |= (ulong)uint.Log2(limits.Alignments[i]) << (8 * i);
        }
        return algorithm;
    }

    /// <exception cref="CallRefused">It was chosen for another product, or is not given what it needs.</exception>
    public static void Check(cublasLtMatmulAlgo_t algorithm, BlasProduct product, in BlasAddresses addresses)
    {
        if (algorithm.data[0] != Mark || algorithm.data[1] != Hash(product))
        {
            throw Invalid("the algorithm is none that was chosen for this product");
        }
        if (addresses.WorkspaceBytes < algorithm.data[2] || (algorithm.data[2] > 0 && addresses.Workspace % 16 != 0))
        {
            throw Invalid(
                $"the algorithm needs {algorithm.data[2]} bytes of workspace at a multiple of 16; given {addresses.WorkspaceBytes} at "
                + $"0x{addresses.Workspace:x}");
        }
        ReadOnlySpan<(string Name, ulong Address)> matrices =
            [("A", addresses.A), ("B", addresses.B), ("C", addresses.C), ("D", addresses.D)];
        for (int i = 0; i < matrices.Length; i++)
        {
            ulong alignment = 1ul << (int)((algorithm.data[3] >> (8 * i)) & 0xFF);
            if (matrices[i].Address % alignment != 0)
            {
                throw Invalid(
                    $"{matrices[i].Name} at 0x{matrices[i].Address:x} is not aligned to {alignment} bytes, as the preference said");
            }
        }
    }

    // What the choice depends on: all but the address of the bias. FNV-1a.
    private static ulong Hash(BlasProduct product)
    {
        BlasOperation operation = product.Operation;
        ulong hash = 0xcbf29ce484222325;
        Add((ulong)operation.Compute);
        Add((ulong)operation.Epilogue);
        Add((ulong)operation.TransA);
        Add((ulong)operation.TransB);
        foreach (BlasLayout layout in (BlasLayout[])[product.A, product.B, product.C, product.D])
        {
            Add((ulong)layout.Type);
            Add(layout.Rows);
            Add(layout.Columns);
            Add((ulong)layout.LeadingDimension);
        }
        return hash;

        void Add(ulong value) => hash = (hash ^ value) * 0x100000001b3;
    }

    private static CallRefused Invalid(string message) =>
        new(CUresult.CUDA_ERROR_INVALID_VALUE, FindingKinds.InvalidArgument, message);
}
