namespace FeatureTransform.Cuda.Emulator.Host;

/// <summary>A launch as the host asks for it.</summary>
internal unsafe struct LaunchRequest
{
    private const int AttributeBytes = 72;

    public Dim3 Grid;
    public Dim3 Block;
    public Dim3? Cluster;
    public uint DynamicSharedBytes;
    public bool IsCooperative;

    /// <summary>One pointer a parameter, or null where <see cref="Extra"/> holds them.</summary>
    public void** Parameters;

    /// <summary>Pairs of a key and a value up to a null key: a buffer with all parameters, and its size.</summary>
    public void** Extra;

    /// <summary>Takes what launch attributes ask for.</summary>
    public void Apply(byte* attributes, uint count)
    {
        for (uint i = 0; i < count; i++)
        {
            byte* attribute = attributes + i * AttributeBytes;
            int* value = (int*)(attribute + 8);
            switch (*(int*)attribute)
            {
                case 0 or 1 or 3 or 6 or 8 or 9 or 10:
                    break; // caching, overlap with the kernel before, priority, domains: hints, or less order than there is
                case 2:
                    IsCooperative = *value != 0;
                    break;
                case 4:
                    Cluster = new Dim3((uint)value[0], (uint)value[1], (uint)value[2]);
                    break;
                default:
                    throw new CallRefused(
                        CUresult.CUDA_ERROR_NOT_SUPPORTED, FindingKinds.UnsupportedCall,
                        $"launch attribute {*(int*)attribute} is not emulated");
            }
        }
    }

    /// <summary>The parameters as the kernel sees them.</summary>
    public readonly byte[] CopyParameters(KernelSignature kernel)
    {
        byte[] copy = new byte[kernel.ParameterBytes];
        if (Extra is not null)
        {
            CopyBuffer(kernel, copy);
            return copy;
        }
        for (int i = 0; i < kernel.Parameters.Count; i++)
        {
            KernelParameter parameter = kernel.Parameters[i];
            if (Parameters is null || Parameters[i] is null)
            {
                throw Mismatch($"{kernel.Name} has {kernel.Parameters.Count} parameters; the pointer to parameter {i} is null");
            }
            new ReadOnlySpan<byte>(Parameters[i], parameter.Size).CopyTo(copy.AsSpan(parameter.Offset));
        }
        return copy;
    }

    private readonly void CopyBuffer(KernelSignature kernel, byte[] copy)
    {
        void* buffer = null;
        nuint* size = null;
        for (void** entry = Extra; *entry is not null; entry += 2)
        {
            switch ((nint)(*entry))
            {
                case 1:
                    buffer = entry[1];
                    break;
                case 2:
                    size = (nuint*)entry[1];
                    break;
                default:
                    throw Mismatch($"0x{(nint)(*entry):x} is no key of the extra launch parameters");
            }
        }
        if (buffer is null || size is null || *size != (nuint)copy.Length || Parameters is not null)
        {
            throw Mismatch(
                $"{kernel.Name} takes {copy.Length} bytes of parameters ({Describe(kernel)}), "
                + (size is null ? "no size is given" : $"{*size} are given")
                + (Parameters is null ? "" : ", and pointers to parameters too"));
        }
        new ReadOnlySpan<byte>(buffer, copy.Length).CopyTo(copy);
    }

    private static string Describe(KernelSignature kernel) =>
        string.Join(", ", kernel.Parameters.Select(p => $"{p.Size} at {p.Offset}"));

    private static CallRefused Mismatch(string message) =>
        new(CUresult.CUDA_ERROR_INVALID_VALUE, FindingKinds.ParameterMismatch, message);
}
