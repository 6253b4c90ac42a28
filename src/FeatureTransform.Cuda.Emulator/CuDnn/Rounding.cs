namespace FeatureTransform.Cuda.Emulator.CuDnn;

/// <summary>Rounds to the types of tensors, to nearest even; NaN and infinities stay.</summary>
internal static class Rounding
{
    private const int Bf16Lost = 16, Tf32Lost = 13; // fraction bits of fp32 that the type lacks

    public static void Apply(cudnnDataType_t type, double[] values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = type switch
            {
                cudnnDataType_t.CUDNN_DATA_FLOAT => (float)values[i],
                cudnnDataType_t.CUDNN_DATA_BFLOAT16 => Cut((float)values[i], Bf16Lost),
                _ => values[i],
            };
        }
    }

    public static double[] ToTf32(double[] values) => [.. values.Select(value => (double)Cut((float)value, Tf32Lost))];

    private static float Cut(float value, int lost)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsFinite(value)
            ? BitConverter.UInt32BitsToSingle((bits + (1u << (lost - 1)) - 1 + ((bits >> lost) & 1)) >> lost << lost)
            : value;
    }
}
