using System.Runtime.InteropServices;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Host;
using FeatureTransform.Cuda.Emulator.Memory;

namespace FeatureTransform.Cuda.Emulator.CuDnn;

/// <summary>Executes a plan in the order of a stream: reads its tensors from device memory, computes, and writes the others.</summary>
internal sealed unsafe class PlanExecution
{
    private const int Alignment = 16;
    private const string Call = nameof(CuDnnApi.cudnnBackendExecute);

    private readonly EmulatedContext context;
    private readonly PlannedGraph plan;
    private readonly Dictionary<long, ulong> addresses;
    private readonly Dictionary<long, double> numbers;
    private readonly ulong workspace;

    private PlanExecution(
        EmulatedContext context, PlannedGraph plan, Dictionary<long, ulong> addresses, Dictionary<long, double> numbers, ulong workspace)
    {
        (this.context, this.plan, this.workspace) = (context, plan, workspace);
        (this.addresses, this.numbers) = (addresses, numbers);
    }

    /// <summary>Gives the work to the handle's stream; numbers given by value are read now.</summary>
    /// <exception cref="CuDnnRefused">The pack does not fit the plan.</exception>
    public static void Enqueue(CuDnnHandleObject handle, PlannedGraph plan, VariantPack pack)
    {
        var given = pack.Ids.Zip(pack.Pointers).ToDictionary(pair => pair.First, pair => pair.Second);
        var (addresses, numbers) = (new Dictionary<long, ulong>(), new Dictionary<long, double>());
        foreach (PlanTensor tensor in plan.Sequence.Tensors.Where(tensor => !tensor.IsVirtual))
        {
            if (!given.Remove(tensor.Id, out ulong address) || address == 0)
            {
                throw new CuDnnRefused(cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_NULL_POINTER, $"the pack has no pointer for {tensor}");
            }
            if (tensor.IsScalar)
            {
                numbers.Add(tensor.Id, *(float*)address);
                continue;
            }
            addresses.Add(tensor.Id, Aligned(address, tensor.ToString()));
        }
        if (given.Count > 0)
        {
            throw new CuDnnRefused(cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, $"the plan has no stored tensor {given.Keys.First()}");
        }
        if (plan.WorkspaceBytes > 0)
        {
            Aligned(pack.Workspace, "the workspace");
        }
        var execution = new PlanExecution(handle.Context, plan, addresses, numbers, pack.Workspace);
        execution.RequireApart();
        handle.Stream.Add(new Operation(Call, execution.Run));
    }

    private static ulong Aligned(ulong address, string what) => address != 0 && address % Alignment == 0 ? address : throw new CuDnnRefused(
        cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER, $"0x{address:x} of {what} is not aligned to {Alignment} bytes");

    // What is written overlaps nothing: engines read and write in no stated order.
    private void RequireApart()
    {
        HashSet<long> written = [.. plan.Sequence.Operations.SelectMany(o => o.Written).Select(t => t.Id)];
        List<(ulong Address, ulong Bytes, bool IsWritten, string Name)> ranges =
        [
            .. plan.Sequence.Tensors.Where(t => addresses.ContainsKey(t.Id))
                .Select(t => (addresses[t.Id], (ulong)t.Bytes, written.Contains(t.Id), t.ToString())),
            (workspace, (ulong)plan.WorkspaceBytes, true, "the workspace"),
        ];
        for (int i = 0; i < ranges.Count; i++)
        {
            for (int j = 0; j < i; j++)
            {
                if ((ranges[i].IsWritten || ranges[j].IsWritten) && ranges[i].Address < ranges[j].Address + ranges[j].Bytes
                    && ranges[j].Address < ranges[i].Address + ranges[i].Bytes)
                {
                    throw new CallRefused(
                        CUresult.CUDA_ERROR_INVALID_VALUE, FindingKinds.OverlappingTensors,
                        $"{ranges[i].Name} and {ranges[j].Name} overlap, and one of them is written: the result is undefined");
                }
            }
        }
    }

    private void Run()
    {
        if (plan.WorkspaceBytes > 0)
        {
            Region region = context.Memory.Locate(workspace, (nuint)plan.WorkspaceBytes, Call);
            ulong offset = workspace - region.Address;
            new Span<byte>(region.Data + offset, (int)plan.WorkspaceBytes).Fill(0xFF); // NaN, as a later reader would see it
            region.MarkWritten(offset, (ulong)plan.WorkspaceBytes);
        }
        var values = new Dictionary<long, double[]>();
        foreach (PlanOperation operation in plan.Sequence.Operations)
        {
            foreach (PlanTensor tensor in operation.Read.Where(tensor => !values.ContainsKey(tensor.Id)))
            {
                values.Add(tensor.Id, tensor.IsScalar ? [numbers[tensor.Id]] : Read(tensor));
            }
            LayerLoops.Compute(operation, values, plan.RoundsToTf32);
            foreach (PlanTensor tensor in operation.Written)
            {
                Rounding.Apply(tensor.Type, values[tensor.Id]);
                if (!tensor.IsVirtual)
                {
                    Write(tensor, values[tensor.Id]);
                }
            }
        }
    }

    private Span<byte> Bytes(PlanTensor tensor, out Region region, out ulong offset)
    {
        ulong address = addresses[tensor.Id];
        region = context.Memory.Locate(address, (nuint)tensor.Bytes, Call);
        offset = address - region.Address;
        return new Span<byte>(region.Data + offset, tensor.Bytes);
    }

    private double[] Read(PlanTensor tensor)
    {
        Span<byte> bytes = Bytes(tensor, out Region region, out ulong offset);
        if ((context.Emulator.Options.Checks & Checks.Initialization) != 0
            && region.FindUnwritten(offset, (ulong)tensor.Bytes, out ulong first))
        {
            context.Emulator.Report(
                FindingKinds.UninitializedRead, Call, $"byte {first - offset} of {tensor} was never written, in {region.Name}");
        }
        double[] values = new double[tensor.Count];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = tensor.Type switch
            {
                cudnnDataType_t.CUDNN_DATA_BOOLEAN => (bytes[i / 8] >> (i % 8)) & 1,
                cudnnDataType_t.CUDNN_DATA_INT8 => (sbyte)bytes[i],
                cudnnDataType_t.CUDNN_DATA_BFLOAT16 =>
                    BitConverter.UInt32BitsToSingle((uint)MemoryMarshal.Cast<byte, ushort>(bytes)[i] << 16),
                _ => MemoryMarshal.Cast<byte, float>(bytes)[i],
            };
        }
        return values;
    }

    private void Write(PlanTensor tensor, double[] values)
    {
        Span<byte> bytes = Bytes(tensor, out Region region, out ulong offset);
        if (tensor.Type == cudnnDataType_t.CUDNN_DATA_BOOLEAN)
        {
            bytes.Clear();
        }
        for (int i = 0; i < values.Length; i++)
        {
            switch (tensor.Type)
            {
                case cudnnDataType_t.CUDNN_DATA_BOOLEAN:
                    bytes[i / 8] |= (byte)(values[i] != 0 ? 1 << (i % 8) : 0);
                    break;
                case cudnnDataType_t.CUDNN_DATA_INT8:
                    bytes[i] = (byte)(sbyte)values[i];
                    break;
                case cudnnDataType_t.CUDNN_DATA_BFLOAT16:
                    MemoryMarshal.Cast<byte, ushort>(bytes)[i] = (ushort)(BitConverter.SingleToUInt32Bits((float)values[i]) >> 16);
                    break;
                default:
                    MemoryMarshal.Cast<byte, float>(bytes)[i] = (float)values[i];
                    break;
            }
        }
        region.MarkWritten(offset, (ulong)tensor.Bytes);
    }
}
