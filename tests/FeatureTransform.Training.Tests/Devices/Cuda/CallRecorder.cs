using System.Globalization;
using FeatureTransform.Cuda;
using FeatureTransform.Cuda.Emulator;
using FeatureTransform.Cuda.Emulator.CuBlas;
using FeatureTransform.Cuda.Emulator.CuDnn;
using FeatureTransform.Cuda.Emulator.Host;

namespace FeatureTransform.Training.Tests.Devices.Cuda;

/// <summary>
/// Stands between the function tables and an emulator's libraries, and writes down in words what the device is asked to do: work
/// (launches, executions, products, copies, fills, graphs), waits and allocations. Addresses and handles are left out.
/// </summary>
/// <param name="emulator">What is asked.</param>
/// <param name="computes">Whether it is asked at all. Where not, work is only written down and device memory has addresses and
/// no bytes, so that a step of any size takes no time.</param>
internal sealed class CallRecorder(Emulator emulator, bool computes = true)
{
    private static readonly string[] WorkKinds = ["launch", "cuDNN", "product", "copy", "fill", "graph"];

    [ThreadStatic]
    private static CallRecorder? active;

    private readonly List<string> lines = [];
    private ulong nextAddress = 1ul << 60;

    /// <summary>What the calls of the thread are written to; null for nowhere.</summary>
    public static CallRecorder? Active => active;

    public bool Computes { get; } = computes;

    /// <summary>One line a call, in order.</summary>
    public IReadOnlyList<string> Lines => lines;

    /// <summary>The lines that give work to the device.</summary>
    public IEnumerable<string> Work => lines.Where(line => WorkKinds.Contains(line.Split([' ', ':'], 2)[0]));

    /// <summary>A library whose calls can be recorded.</summary>
    public static ISymbolSource Over(ISymbolSource library) => new Source(library);

    /// <summary>Writes down the calls that this thread makes until the result is disposed of.</summary>
    public IDisposable Record()
    {
        lines.Clear();
        active = this;
        return new Recording();
    }

    public void Add(FormattableString line) => lines.Add(line.ToString(CultureInfo.InvariantCulture));

    /// <summary>An address that stands for device memory.</summary>
    public ulong Address(nuint bytes)
    {
        const ulong alignment = 512;
        ulong address = nextAddress;
        nextAddress += (bytes + alignment) / alignment * alignment;
        return address;
    }

    public string Kernel(nint function) =>
        emulator.Handles.Get<EmulatedFunction>(function, HandleKind.Function).Kernel.Name;

    /// <summary>The operations of a plan and the tensors in memory, N x C x H x W.</summary>
    public string Plan(nint plan)
    {
        OperationSequence sequence =
            emulator.Handles.Get<BackendObject>(plan, HandleKind.Descriptor).Result<PlannedGraph>().Sequence;
        HashSet<long> written = [.. sequence.Operations.SelectMany(operation => operation.Written).Select(tensor => tensor.Id)];
        PlanTensor[] stored = [.. sequence.Tensors.Where(tensor => !tensor.IsVirtual && !tensor.IsScalar)];
        return $"{string.Join(" + ", sequence.Operations.Select(Name))}: "
            + $"{Shapes(stored.Where(tensor => !written.Contains(tensor.Id)))} -> {Shapes(stored.Where(tensor => written.Contains(tensor.Id)))}";
    }

    /// <summary>M x N x K of a product in the library's column order, its types and epilogue.</summary>
    public string Product(nint operation, nint a, nint b, nint d)
    {
        BlasOperation product = emulator.Handles.Get<BlasOperation>(operation, HandleKind.BlasOperation);
        BlasLayout left = Layout(a), result = Layout(d);
        ulong inner = product.TransA == cublasOperation_t.CUBLAS_OP_N ? left.Columns : left.Rows;
        return $"{result.Rows} x {result.Columns} x {inner}, {Short(product.TransA, "CUBLAS_OP_")}{Short(product.TransB, "CUBLAS_OP_")}, "
            + $"{Short(left.Type, "CUDA_R_")} x {Short(Layout(b).Type, "CUDA_R_")} -> {Short(result.Type, "CUDA_R_")}, "
            + $"{Short(product.Compute, "CUBLAS_COMPUTE_")}, {Short(product.Epilogue, "CUBLASLT_EPILOGUE_")}";

        BlasLayout Layout(nint layout) => emulator.Handles.Get<BlasLayout>(layout, HandleKind.BlasLayout);
    }

    private static string Name(PlanOperation operation)
    {
        string name = Short(operation.Type, "CUDNN_BACKEND_OPERATION_").Replace("_descriptor", "", StringComparison.Ordinal);
        return operation.Type == cudnnBackendDescriptorType_t.CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR
            ? Short(operation.Mode, "CUDNN_POINTWISE_")
            : operation.Window is { } window ? $"{name} {window.Height}x{window.Width}/{window.Stride}" : name;
    }

    private static string Shapes(IEnumerable<PlanTensor> tensors) => string.Join(
        ", ", tensors.Select(tensor => $"{Short(tensor.Type, "CUDNN_DATA_")} {string.Join('x', tensor.Dimensions)}"));

    private static string Short<T>(T value, string prefix)
        where T : struct, Enum => value.ToString().Replace(prefix, "", StringComparison.Ordinal).ToLowerInvariant();

    private sealed class Source(ISymbolSource library) : ISymbolSource
    {
        public string Name => library.Name;

        public nint Find(string symbol)
        {
            nint address = library.Find(symbol);
            return address != 0 ? RecordedFunctions.Over(symbol, address) : 0;
        }
    }

    private sealed class Recording : IDisposable
    {
        public void Dispose() => active = null;
    }
}
