using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Host;
using FeatureTransform.Cuda.Emulator.Memory;

namespace FeatureTransform.Cuda.Emulator.CuBlas;

/// <summary>One product, when its stream comes to it. Sums are taken in double and rounded once.</summary>
internal sealed unsafe class BlasMatmul(
    EmulatedContext context, BlasProduct product, BlasAddresses addresses, float alpha, float beta)
{
    private const string Call = nameof(CuBlasLtApi.cublasLtMatmul);

    private bool ReadsC => beta != 0;

    /// <exception cref="CallRefused">A matrix does not lie within an allocation, or overlaps the result.</exception>
    public void CheckAddresses()
    {
        Require("A", addresses.A, product.A.Bytes, product.A.ElementBytes);
        Require("B", addresses.B, product.B.Bytes, product.B.ElementBytes);
        Require("D", addresses.D, product.D.Bytes, product.D.ElementBytes);
        if (ReadsC)
        {
            Require("C", addresses.C, product.C.Bytes, product.C.ElementBytes);
        }
        if (product.Operation.AddsBias)
        {
            Require("the bias", product.Operation.Bias, product.M * (ulong)product.D.ElementBytes, product.D.ElementBytes);
        }
        if (addresses.WorkspaceBytes > 0)
        {
            Require("the workspace", addresses.Workspace, addresses.WorkspaceBytes, 1);
        }
        RequireApart("A", addresses.A, product.A.Bytes, "D", addresses.D, product.D.Bytes);
        RequireApart("B", addresses.B, product.B.Bytes, "D", addresses.D, product.D.Bytes);
        foreach ((string name, ulong address, ulong bytes) in new[]
        {
            ("A", addresses.A, product.A.Bytes), ("B", addresses.B, product.B.Bytes), ("D", addresses.D, product.D.Bytes),
        })
        {
            RequireApart(name, address, bytes, "the workspace", addresses.Workspace, addresses.WorkspaceBytes);
        }
    }

    /// <summary>Computes it.</summary>
    public void Run()
    {
        float[] a = Read("A", addresses.A, product.A), b = Read("B", addresses.B, product.B);
        float[]? c = ReadsC ? Read("C", addresses.C, product.C) : null;
        float[]? bias = product.Operation.AddsBias
            ? Read("the bias", product.Operation.Bias, new BlasLayout(product.D.Type, product.M, 1, (long)product.M))
            : null;
        Spoil();
        (int m, int n, int k) = ((int)product.M, (int)product.N, (int)product.K);
        (int rowA, int innerA) = Steps(product.Operation.TransA, (int)product.A.Rows);
        (int innerB, int columnB) = Steps(product.Operation.TransB, (int)product.B.Rows);
        var result = new float[m * n];
        Parallel.For(0, n, column =>
        {
            for (int row = 0; row < m; row++)
            {
                double sum = 0;
                for (int i = 0; i < k; i++)
                {
                    sum += (double)a[(row * rowA) + (i * innerA)] * b[(i * innerB) + (column * columnB)];
                }
                int at = (column * m) + row;
                double value = (alpha * sum) + (c is null ? 0 : (double)beta * c[at]) + (bias?[row] ?? 0);
                result[at] = (float)(product.Operation.IsRelu && value <= 0 ? 0 : value);
            }
        });
        Write(result);
    }

    /// <summary>Steps from row to row and from column to column of an operand, as the product sees it.</summary>
    private static (int Row, int Column) Steps(cublasOperation_t operation, int rows) =>
        operation == cublasOperation_t.CUBLAS_OP_N ? (1, rows) : (rows, 1);

    /// <summary>A matrix, column by column without gaps.</summary>
    private float[] Read(string name, ulong address, BlasLayout layout)
    {
        Region region = context.Memory.Locate(address, (nuint)layout.Bytes, Call);
        (int rows, int columns) = ((int)layout.Rows, (int)layout.Columns);
        var values = new float[rows * columns];
        for (int column = 0; column < columns; column++)
        {
            ulong offset = address - region.Address + ((ulong)column * (ulong)layout.LeadingDimension * (ulong)layout.ElementBytes);
            Emulator emulator = context.Emulator;
            if ((emulator.Options.Checks & Checks.Initialization) != 0
                && region.FindUnwritten(offset, (ulong)(rows * layout.ElementBytes), out ulong first))
            {
                emulator.Report(
                    FindingKinds.LibraryUninitialized, Call,
                    $"{name} ({layout}): byte {first} of {region.Size} at 0x{region.Address:x} of {region.Name} was never written");
            }
            for (int row = 0; row < rows; row++)
            {
                values[(column * rows) + row] = layout.Type == cudaDataType.CUDA_R_32F
                    ? Operand(((float*)(region.Data + offset))[row])
                    : BitConverter.UInt32BitsToSingle((uint)((ushort*)(region.Data + offset))[row] << 16);
            }
        }
        return values;

        float Operand(float value) => product.IsTensorFloat32 && name is "A" or "B" ? RoundToTensorFloat32(value) : value;
    }

    private void Write(float[] result)
    {
        BlasLayout layout = product.D;
        Region region = context.Memory.Locate(addresses.D, (nuint)layout.Bytes, Call);
        int rows = (int)layout.Rows;
        for (int column = 0; column < (int)layout.Columns; column++)
        {
            ulong offset = addresses.D - region.Address + ((ulong)column * (ulong)layout.LeadingDimension * (ulong)layout.ElementBytes);
            for (int row = 0; row < rows; row++)
            {
                float value = result[(column * rows) + row];
                if (layout.Type == cudaDataType.CUDA_R_32F)
                {
                    ((float*)(region.Data + offset))[row] = value;
                }
                else
                {
                    ((ushort*)(region.Data + offset))[row] = RoundToBFloat16(value);
                }
            }
            region.MarkWritten(offset, (ulong)(rows * layout.ElementBytes));
        }
    }

    /// <summary>Nobody may rely on what a workspace holds.</summary>
    private void Spoil()
    {
        if (addresses.WorkspaceBytes > 0)
        {
            Region region = context.Memory.Locate(addresses.Workspace, addresses.WorkspaceBytes, Call);
            new Span<byte>(region.Data + (addresses.Workspace - region.Address), checked((int)addresses.WorkspaceBytes)).Fill(0xFF);
        }
    }

    private void Require(string name, ulong address, ulong bytes, int elementBytes)
    {
        if (address == 0 || address % (ulong)elementBytes != 0)
        {
            throw new CallRefused(
                CUresult.CUDA_ERROR_INVALID_VALUE, FindingKinds.InvalidAddress, $"{name} at 0x{address:x} is null or not aligned");
        }
        context.Memory.RequireRange(address, (nuint)bytes);
    }

    private static void RequireApart(string first, ulong address, ulong bytes, string second, ulong other, ulong otherBytes)
    {
        if (otherBytes > 0 && address < other + otherBytes && other < address + bytes)
        {
            throw new CallRefused(
                CUresult.CUDA_ERROR_INVALID_VALUE, FindingKinds.InvalidAddress, $"{first} and {second} overlap");
        }
    }

    private static float RoundToTensorFloat32(float value)
    {
        const uint dropped = (1u << 13) - 1;
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsFinite(value) ? BitConverter.UInt32BitsToSingle((bits + (dropped >> 1) + ((bits >> 13) & 1)) & ~dropped) : value;
    }

    private static ushort RoundToBFloat16(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value) ? (ushort)((bits >> 16) | 0x40) : (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }
}
