using System.Runtime.InteropServices;
using FeatureTransform.Benchmarks.Operators;
using FeatureTransform.LibTorch;
using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Devices.Cpu;
using FeatureTransform.Training.Evaluation;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Benchmarks.TrainingStep;

/// <summary>
/// The baseline: the same network, precision, layout and LibTorch, but every operation between the convolutions is an ATen
/// operator by itself, as eager PyTorch runs them. Two of eager's operators take a Scalar, which LibTorch's C ABI cannot
/// pass: threshold_backward is here le and masked_fill_, and in-place sums are sums into a new tensor.
/// </summary>
internal sealed unsafe class AtenDevice(CpuDevice inner, ElementType type) : IDevice
{
    private readonly delegate* unmanaged<nint, nint, double, nint*, int> add =
        (delegate* unmanaged<nint, nint, double, nint*, int>)NativeLibrary.GetExport(NativeLibrary.Load(ATen.Path), "aoti_torch_cpu_add_Tensor");

    private readonly delegate* unmanaged<nint, double, nint*, int> multiply =
        (delegate* unmanaged<nint, double, nint*, int>)NativeLibrary.GetExport(NativeLibrary.Load(ATen.Path), "aoti_torch_cpu_mul_Scalar");

    private readonly Dictionary<nint, nint> inverses = []; // save_mean to save_invstd

    private int TorchType => type == ElementType.Float32 ? ATen.Float32 : ATen.BFloat16;

    public string Description => $"ATen operators one by one, {inner.Description}";

    public (string? LibTorch, string? Cuda) Libraries => inner.Libraries;

    public int StepsAhead => inner.StepsAhead;

    public float LearningRate { private get; set; }

    public void Reserve(PretrainOptions options) => inner.Reserve(options);

    public ParameterStore CreateStore(ParameterLayout layout, bool trained) => inner.CreateStore(layout, trained);

    public Tensor Images(ReadOnlySpan<float> pixels, int n, int size) => inner.Images(pixels, n, size);

    public Tensor Upload(ReadOnlySpan<float> matrix, int n, int c) => inner.Upload(matrix, n, c);

    public void Download(Tensor tensor, Span<float> destination) => inner.Download(tensor, destination);

    public void Free(Tensor tensor)
    {
        if (inverses.Remove(tensor.Handle, out nint inverse))
        {
            ATen.Delete(inverse);
        }

        inner.Free(tensor);
    }

    public Tensor Convolution(Tensor x, ParameterStore store, Parameter weight, int stride, int padding) =>
        inner.Convolution(x, store, weight, stride, padding);

    public Tensor ConvolutionBackward(
        Tensor dy, Tensor x, ParameterStore store, Parameter weight, int stride, int padding, bool inputGradient) =>
        inner.ConvolutionBackward(dy, x, store, weight, stride, padding, inputGradient);

    public Tensor BatchNorm(
        Tensor x, Tensor shortcut, ParameterStore store, NormParameters norm, bool relu, int groups, out Tensor statistics)
    {
        var cpu = (CpuParameterStore)store;
        ulong* stack = stackalloc ulong[8]
        {
            ATen.Argument(x.Handle), AtenTensor.Some(Vector(cpu.Weights, norm.Weight)), AtenTensor.Some(Vector(cpu.Weights, norm.Bias)),
            AtenTensor.Some(Vector(cpu.Buffers, norm.RunningMean)), AtenTensor.Some(Vector(cpu.Buffers, norm.RunningVariance)), 1,
            BitConverter.DoubleToUInt64Bits(NormParameters.RunningShare), BitConverter.DoubleToUInt64Bits(NormParameters.Epsilon),
        };
        ATen.Call("aten::native_batch_norm\0"u8, stack);
        statistics = new Tensor((nint)stack[1], 0, ElementType.Float32, 1, 1, 1, x.C);
        inverses.Add((nint)stack[1], (nint)stack[2]);
        nint y = (nint)stack[0];
        if (shortcut.Exists)
        {
            y = Sum(y, shortcut.Handle, 1);
        }

        if (relu)
        {
            stack[0] = ATen.Argument(y);
            ATen.Call("aten::relu_\0"u8, stack);
            ATen.Delete((nint)stack[0]);
        }

        return x with { Handle = y, Data = (nint)ATen.Data(y) };
    }

    public Tensor BatchNormInference(Tensor x, Tensor shortcut, ParameterStore store, NormParameters norm, bool relu) =>
        inner.BatchNormInference(x, shortcut, store, norm, relu);

    public Tensor BatchNormBackward(
        ref Tensor dy, Tensor dy2, Tensor x, Tensor y, ParameterStore store, NormParameters norm, bool shortcut, bool relu, int groups,
        Tensor statistics)
    {
        var cpu = (CpuParameterStore)store;
        ulong* stack = stackalloc ulong[10];
        if (dy2.Exists)
        {
            nint sum;
            _ = add(dy.Handle, dy2.Handle, 1, &sum);
            Copy(dy.Handle, sum);
            ATen.Delete(sum);
        }

        if (relu)
        {
            nint zero = Zero();
            (stack[0], stack[1]) = (ATen.Argument(y.Handle), ATen.Argument(zero));
            ATen.Call("aten::le\0"u8, "Tensor\0"u8, stack);
            ulong mask = stack[0];
            (stack[0], stack[1], stack[2]) = (ATen.Argument(dy.Handle), mask, (ulong)zero);
            ATen.Call("aten::masked_fill_\0"u8, "Tensor\0"u8, stack);
            ATen.Delete((nint)stack[0]);
        }

        ulong* arguments = stackalloc ulong[10]
        {
            ATen.Argument(dy.Handle), ATen.Argument(x.Handle), AtenTensor.Some(Vector(cpu.Weights, norm.Weight)),
            AtenTensor.Some(Vector(cpu.Buffers, norm.RunningMean)), AtenTensor.Some(Vector(cpu.Buffers, norm.RunningVariance)),
            AtenTensor.Some(ATen.Argument(statistics.Handle)), AtenTensor.Some(ATen.Argument(inverses[statistics.Handle])), 1,
            BitConverter.DoubleToUInt64Bits(NormParameters.Epsilon), ATen.List(1, 1, 1),
        };
        ATen.Call("aten::native_batch_norm_backward\0"u8, arguments);
        Store((nint)arguments[1], cpu.Gradient, norm.Weight);
        Store((nint)arguments[2], cpu.Gradient, norm.Bias);
        return x with { Handle = (nint)arguments[0], Data = (nint)ATen.Data((nint)arguments[0]) };
    }

    public Tensor MaxPool(Tensor x, out Tensor indices) => inner.MaxPool(x, out indices);

    public Tensor MaxPoolBackward(Tensor dy, Tensor x, Tensor indices) => inner.MaxPoolBackward(dy, x, indices);

    public Tensor GlobalAverage(Tensor x) => inner.GlobalAverage(x);

    public Tensor GlobalAverageBackward(Tensor dy, int h, int w) => inner.GlobalAverageBackward(dy, h, w);

    public Tensor Linear(Tensor x, ParameterStore store, Parameter weight, Parameter bias, bool relu) =>
        inner.Linear(x, store, weight, bias, relu);

    public Tensor LinearBackward(Tensor dy, Tensor x, Tensor y, ParameterStore store, Parameter weight, Parameter bias, bool relu) =>
        inner.LinearBackward(dy, x, y, store, weight, bias, relu);

    public Tensor ScatterRows(Tensor matrix, ReadOnlySpan<int> order) => inner.ScatterRows(matrix, order);

    public IViews CreateViews(PretrainOptions options) => new HostViews(this, options.Optimizer.BatchSize, options.Data.ImageSize);

    public void Replay(Action step) => inner.Replay(step);

    public IContrast CreateContrast(FeatureTransformOptions options, FeatureQueue queue, int n) =>
        inner.CreateContrast(options, queue, n);

    public INeighborSearch CreateSearch(ReadOnlySpan<float> bank, int c, int most, int k) => inner.CreateSearch(bank, c, most, k);

    public ISoftmaxRegression CreateSoftmaxRegression(Standardization standardization, int classes, int batchSize) =>
        inner.CreateSoftmaxRegression(standardization, classes, batchSize);

    public void Ema(ParameterStore target, ParameterStore source, float m)
    {
        var (to, from) = ((CpuParameterStore)target, (CpuParameterStore)source);
        foreach (Parameter parameter in to.Layout.Trained)
        {
            nint k = (nint)Vector(to.Weights, parameter), q = (nint)Vector(from.Weights, parameter), scaled;
            _ = multiply(k, m, &scaled);
            nint sum = Sum(scaled, q, 1 - m);
            Copy(k, sum);
            Release(k, q, sum);
            RoundWeights(to, parameter);
        }
    }

    public void Sgd(ParameterStore store, float momentum, float weightDecay, IContrast? step = null)
    {
        var s = (CpuParameterStore)store;
        foreach (Parameter parameter in s.Layout.Trained)
        {
            nint w = (nint)Vector(s.Weights, parameter), v = (nint)Vector(s.Momentum, parameter), g, scaled;
            nint gradient = (nint)Vector(s.Gradient, parameter);
            _ = add(gradient, w, weightDecay, &g);
            _ = multiply(v, momentum, &scaled);
            nint velocity = Sum(scaled, g, 1), updated;
            Copy(v, velocity);
            _ = add(w, velocity, -LearningRate, &updated);
            Copy(w, updated);
            Release(w, v, gradient, g, velocity, updated);
            RoundWeights(s, parameter);
        }
    }

    public void Dispose()
    {
    }

    private static ulong Vector(float* memory, Parameter parameter) =>
        (ulong)ATen.Blob(memory + parameter.Offset, ATen.Float32, [parameter.Count], [1]);

    private static void Store(nint gradient, float* memory, Parameter parameter)
    {
        Buffer.MemoryCopy(ATen.Data(gradient), memory + parameter.Offset, parameter.Count * sizeof(float), parameter.Count * sizeof(float));
        ATen.Delete(gradient);
    }

    private static void Copy(nint target, nint source)
    {
        ulong* stack = stackalloc ulong[3] { ATen.Argument(target), ATen.Argument(source), 0 };
        ATen.Call("aten::copy_\0"u8, stack);
        ATen.Delete((nint)stack[0]);
    }

    private static void Release(params ReadOnlySpan<nint> tensors)
    {
        foreach (nint tensor in tensors)
        {
            ATen.Delete(tensor);
        }
    }

    private nint Zero()
    {
        nint zero = ATen.Empty(TorchType, [], []);
        if (type == ElementType.Float32)
        {
            *(float*)ATen.Data(zero) = 0;
        }
        else
        {
            *(ushort*)ATen.Data(zero) = 0;
        }

        return zero;
    }

    /// <summary>a + alpha b; frees a.</summary>
    private nint Sum(nint a, nint b, double alpha)
    {
        nint sum;
        _ = add(a, b, alpha, &sum);
        ATen.Delete(a);
        return sum;
    }

    private void RoundWeights(CpuParameterStore store, Parameter parameter)
    {
        if (type == ElementType.BFloat16)
        {
            nint half = ATen.Blob(store.HalfWeights + parameter.Offset, ATen.BFloat16, [parameter.Count], [1]);
            nint full = (nint)Vector(store.Weights, parameter);
            Copy(half, full);
            Release(half, full);
        }
    }
}
