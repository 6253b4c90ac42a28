using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using FeatureTransform.Cuda.Emulator.Host;

namespace FeatureTransform.Cuda.Emulator.CuBlas;

/// <summary>
/// The functions of cuBLASLt, under their exact names and with their native signatures. Each finds its emulator through a handle,
/// counts its use, and turns refusals into a status: no exception leaves it.
/// </summary>
internal static unsafe class CuBlasLtFunctions
{
    private const int Version = 120405; // 12.4.5

    private static readonly nint UnknownName = Marshal.StringToCoTaskMemUTF8("unknown status");

    private static readonly Dictionary<cublasStatus_t, nint> Names = Enum.GetValues<cublasStatus_t>()
        .ToDictionary(status => status, status => Marshal.StringToCoTaskMemUTF8(status.ToString()));

    /// <summary>The address of each function by its name.</summary>
    public static IReadOnlyDictionary<string, nint> Addresses { get; } = typeof(CuBlasLtFunctions)
        .GetMethods(BindingFlags.Static | BindingFlags.NonPublic)
        .Where(m => m.IsDefined(typeof(UnmanagedCallersOnlyAttribute)))
        .ToDictionary(m => m.Name, m => m.MethodHandle.GetFunctionPointer(), StringComparer.Ordinal);

    [UnmanagedCallersOnly]
    private static nuint cublasLtGetVersion() => Version;

    [UnmanagedCallersOnly]
    private static byte* cublasLtGetStatusName(cublasStatus_t status) => (byte*)Names.GetValueOrDefault(status, UnknownName);

    [UnmanagedCallersOnly]
    private static byte* cublasLtGetStatusString(cublasStatus_t status) => (byte*)Names.GetValueOrDefault(status, UnknownName);

    [UnmanagedCallersOnly]
    private static cublasStatus_t cublasLtCreate(nint* handle) => Run(0, emulator =>
    {
        Require(handle);
        *handle = new BlasHandle(RequireContext()).Handle;
    });

    [UnmanagedCallersOnly]
    private static cublasStatus_t cublasLtDestroy(nint handle) => Run(handle, emulator =>
    {
        emulator.Handles.Get<BlasHandle>(handle, HandleKind.BlasHandle, destroys: true);
        emulator.Handles.Remove(handle);
    });

    [UnmanagedCallersOnly]
    private static cublasStatus_t cublasLtMatmulDescCreate(nint* operation, cublasComputeType_t compute, cudaDataType scale) =>
        Create(operation, HandleKind.BlasOperation, () => new BlasOperation { Compute = Known(compute), Scale = Known(scale) });

    [UnmanagedCallersOnly]
    private static cublasStatus_t cublasLtMatmulDescDestroy(nint operation) =>
        Destroy<BlasOperation>(operation, HandleKind.BlasOperation);

    [UnmanagedCallersOnly]
    private static cublasStatus_t cublasLtMatmulDescSetAttribute(
        nint operation, cublasLtMatmulDescAttributes_t attribute, void* value, nuint bytes) => Run(operation, emulator =>
    {
        BlasOperation op = emulator.Handles.Get<BlasOperation>(operation, HandleKind.BlasOperation);
        switch (attribute)
        {
            case cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_COMPUTE_TYPE:
                op.Compute = Known(Value<cublasComputeType_t>(value, bytes));
                break;
            case cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_SCALE_TYPE:
                op.Scale = Known(Value<cudaDataType>(value, bytes));
                break;
            case cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_POINTER_MODE:
                op.PointerMode = Known(Value<cublasPointerMode_t>(value, bytes));
                break;
            case cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_TRANSA:
                op.TransA = Known(Value<cublasOperation_t>(value, bytes));
                break;
            case cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_TRANSB:
                op.TransB = Known(Value<cublasOperation_t>(value, bytes));
                break;
            case cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_EPILOGUE:
                op.Epilogue = Known(Value<cublasLtEpilogue_t>(value, bytes));
                break;
            case cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_BIAS_POINTER:
                op.Bias = Value<ulong>(value, bytes);
                break;
            case cublasLtMatmulDescAttributes_t.CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
                op.BiasType = Known(Value<cudaDataType>(value, bytes));
                break;
            default:
                throw NotEmulated($"{attribute}");
        }
    });

    [UnmanagedCallersOnly]
    private static cublasStatus_t cublasLtMatmulDescGetAttribute(
        nint operation, cublasLtMatmulDescAttributes_t attribute, void* value, nuint bytes, nuint* written) =>
        Run(operation, _ => throw NotEmulated(nameof(cublasLtMatmulDescGetAttribute)));

    [UnmanagedCallersOnly]
    private static cublasStatus_t cublasLtMatrixLayoutCreate(
        nint* layout, cudaDataType type, ulong rows, ulong columns, long leadingDimension) =>
        Create(layout, HandleKind.BlasLayout, () => new BlasLayout(Known(type), rows, columns, leadingDimension));

    [UnmanagedCallersOnly]
    private static cublasStatus_t cublasLtMatrixLayoutDestroy(nint layout) => Destroy<BlasLayout>(layout, HandleKind.BlasLayout);

    [UnmanagedCallersOnly]
    private static cublasStatus_t cublasLtMatrixLayoutSetAttribute(
        nint layout, cublasLtMatrixLayoutAttribute_t attribute, void* value, nuint bytes) =>
        Run(layout, _ => throw NotEmulated($"{attribute}"));

    [UnmanagedCallersOnly]
    private static cublasStatus_t cublasLtMatmulPreferenceCreate(nint* preference) =>
        Create(preference, HandleKind.BlasPreference, () => new BlasPreference());

    [UnmanagedCallersOnly]
    private static cublasStatus_t cublasLtMatmulPreferenceDestroy(nint preference) =>
        Destroy<BlasPreference>(preference, HandleKind.BlasPreference);

    [UnmanagedCallersOnly]
    private static cublasStatus_t cublasLtMatmulPreferenceSetAttribute(
        nint preference, cublasLtMatmulPreferenceAttributes_t attribute, void* value, nuint bytes) => Run(preference, emulator =>
    {
        BlasPreference found = emulator.Handles.Get<BlasPreference>(preference, HandleKind.BlasPreference);
        if (attribute == cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES)
        {
            found.MaxWorkspaceBytes = Value<ulong>(value, bytes);
            return;
        }
        uint alignment = Value<uint>(value, bytes);
        int index = Known(attribute) - cublasLtMatmulPreferenceAttributes_t.CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES;
        found.Alignments[index] = uint.IsPow2(alignment)
            ? alignment
            : throw Invalid($"{attribute} is {alignment}, which is no power of two");
    });

    [UnmanagedCallersOnly]
    private static cublasStatus_t cublasLtMatmulAlgoGetHeuristic(
        nint handle, nint operation, nint a, nint b, nint c, nint d, nint preference, int requested,
        cublasLtMatmulHeuristicResult_t* results, int* returned) => Run(handle, emulator =>
    {
        Require(results);
        Require(returned);
        emulator.Handles.Get<BlasHandle>(handle, HandleKind.BlasHandle);
        if (requested < 1)
        {
            throw Invalid($"{requested} algorithms are asked for");
        }
        BlasProduct product = Product(emulator, operation, a, b, c, d);
        product.Check();
        BlasPreference limits = emulator.Handles.Get<BlasPreference>(preference, HandleKind.BlasPreference);
        *results = default;
        results->algo = BlasAlgorithm.For(product, limits, out ulong workspace);
        (results->workspaceSize, results->state, results->wavesCount) = ((nuint)workspace, cublasStatus_t.CUBLAS_STATUS_SUCCESS, 1);
        *returned = 1;
    });

    [UnmanagedCallersOnly]
    private static cublasStatus_t cublasLtMatmul(
        nint handle, nint operation, void* alpha, void* a, nint aLayout, void* b, nint bLayout, void* beta, void* c, nint cLayout,
        void* d, nint dLayout, cublasLtMatmulAlgo_t* algorithm, void* workspace, nuint workspaceBytes, nint stream) =>
        Run(handle, emulator =>
        {
            EmulatedContext context = emulator.Handles.Get<BlasHandle>(handle, HandleKind.BlasHandle).Context;
            if (RequireContext() != context)
            {
                throw Invalid($"the handle is of {context}, which is not current");
            }
            Require(alpha);
            Require(beta);
            BlasProduct product = Product(emulator, operation, aLayout, bLayout, cLayout, dLayout);
            product.Check();
            if (context.Failure != CUresult.CUDA_SUCCESS)
            {
                throw new CallRefused(context.Failure);
            }
            EmulatedStream target = context.Stream(stream);
            if (target.Context != context)
            {
                throw Invalid($"{target} is of another context than the handle");
            }
            var addresses = new BlasAddresses((ulong)a, (ulong)b, (ulong)c, (ulong)d, (ulong)workspace, workspaceBytes);
            if (algorithm is not null)
            {
                BlasAlgorithm.Check(*algorithm, product, addresses);
            }
            var work = new BlasMatmul(context, product, addresses, *(float*)alpha, *(float*)beta);
            work.CheckAddresses();
            target.Add(new Operation(nameof(cublasLtMatmul), work.Run));
        });

    private static BlasProduct Product(Emulator emulator, nint operation, nint a, nint b, nint c, nint d) => new(
        emulator.Handles.Get<BlasOperation>(operation, HandleKind.BlasOperation) with { },
        emulator.Handles.Get<BlasLayout>(a, HandleKind.BlasLayout), emulator.Handles.Get<BlasLayout>(b, HandleKind.BlasLayout),
        emulator.Handles.Get<BlasLayout>(c, HandleKind.BlasLayout), emulator.Handles.Get<BlasLayout>(d, HandleKind.BlasLayout));

    private static cublasStatus_t Create(nint* created, HandleKind kind, Func<object> make, [CallerMemberName] string call = "") =>
        Run(0, emulator =>
        {
            Require(created);
            *created = emulator.Handles.Add(make(), kind);
        }, call);

    private static cublasStatus_t Destroy<T>(nint handle, HandleKind kind, [CallerMemberName] string call = "")
        where T : class => Run(handle, emulator =>
        {
            emulator.Handles.Get<T>(handle, kind, destroys: true);
            emulator.Handles.Remove(handle);
        }, call);

    /// <summary>A call about an object; 0 for one that makes an object, of the emulator that the thread last used.</summary>
    private static cublasStatus_t Run(nint handle, Action<Emulator> body, [CallerMemberName] string call = "")
    {
        int number = HandleTable.EmulatorOf(handle);
        Emulator? emulator = Emulator.Existed(number) ? Emulator.Of(number) : Emulator.LastLive();
        if (emulator is null)
        {
            return cublasStatus_t.CUBLAS_STATUS_NOT_INITIALIZED;
        }
        lock (emulator.Gate)
        {
            if ((int)emulator.Injection.Count(call) is not 0 and int injected)
            {
                return (cublasStatus_t)injected;
            }
            try
            {
                body(emulator);
                return cublasStatus_t.CUBLAS_STATUS_SUCCESS;
            }
            catch (CallRefused refusal)
            {
                if (refusal.Kind is not null)
                {
                    emulator.Report(refusal.Kind, call, refusal.Message);
                }
                return refusal.Code switch
                {
                    CUresult.CUDA_ERROR_NOT_SUPPORTED => cublasStatus_t.CUBLAS_STATUS_NOT_SUPPORTED,
                    CUresult.CUDA_ERROR_INVALID_CONTEXT => cublasStatus_t.CUBLAS_STATUS_NOT_INITIALIZED,
                    CUresult.CUDA_ERROR_INVALID_VALUE or CUresult.CUDA_ERROR_INVALID_HANDLE => cublasStatus_t.CUBLAS_STATUS_INVALID_VALUE,
                    _ => cublasStatus_t.CUBLAS_STATUS_EXECUTION_FAILED,
                };
            }
            catch (Exception exception)
            {
                emulator.Report(FindingKinds.InternalError, call, exception.ToString());
                return cublasStatus_t.CUBLAS_STATUS_INTERNAL_ERROR;
            }
        }
    }

    private static EmulatedContext RequireContext() => DriverFunctions.CurrentContext is { IsDestroyed: false } context
        ? context
        : throw new CallRefused(
            CUresult.CUDA_ERROR_INVALID_CONTEXT, FindingKinds.WrongContext, "no context is current on the calling thread");

    private static T Value<T>(void* value, nuint bytes)
        where T : unmanaged
    {
        Require(value);
        return bytes == (nuint)sizeof(T) ? *(T*)value : throw Invalid($"the attribute has {sizeof(T)} bytes; given {bytes}");
    }

    private static T Known<T>(T value)
        where T : struct, Enum => Enum.IsDefined(value) ? value : throw NotEmulated($"{typeof(T).Name} {value}");

    private static void Require(void* pointer)
    {
        if (pointer is null)
        {
            throw Invalid("a pointer is null");
        }
    }

    private static CallRefused Invalid(string message) =>
        new(CUresult.CUDA_ERROR_INVALID_VALUE, FindingKinds.InvalidArgument, message);

    private static CallRefused NotEmulated(string what) =>
        new(CUresult.CUDA_ERROR_NOT_SUPPORTED, FindingKinds.UnsupportedCall, $"{what} is not emulated");
}
