using FeatureTransform.Cuda.Emulator.Decoding;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>Who decodes which instruction.</summary>
internal static class OperationTable
{
    public static IReadOnlyDictionary<string, Action<FunctionDecoder, PtxInstruction>> Decoders { get; } = Build();

    private static Dictionary<string, Action<FunctionDecoder, PtxInstruction>> Build()
    {
        var table = new Dictionary<string, Action<FunctionDecoder, PtxInstruction>>(StringComparer.Ordinal);
        IntegerDecoder.Register(table);
        BitDecoder.Register(table);
        FloatDecoder.Register(table);
        CompareDecoder.Register(table);
        ConvertDecoder.Register(table);
        MoveDecoder.Register(table);
        MemoryDecoder.Register(table);
        AtomicDecoder.Register(table);
        AsyncDecoder.Register(table);
        WarpDecoder.Register(table);
        BarrierDecoder.Register(table);
        MbarrierDecoder.Register(table);
        ControlDecoder.Register(table);
        MatrixDecoder.Register(table);
        VideoDecoder.Register(table);
        return table;
    }
}
