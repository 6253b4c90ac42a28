using FeatureTransform.LibTorch;
using FeatureTransform.Native;

namespace FeatureTransform.Training.Devices.Cpu;

/// <summary>Convolution, linear layer and max pooling: LibTorch's operators.</summary>
internal sealed unsafe partial class CpuDevice
{
    public Tensor Convolution(Tensor x, ParameterStore store, Parameter weight, int stride, int padding)
    {
        nint w = WeightTensor(store, weight);
        ulong* stack = stackalloc ulong[9]
        {
            ImageArgument(x), ATen.Argument(w), 0, ATen.List(stride, stride), ATen.List(padding, padding), ATen.List(1, 1),
            0, ATen.List(0, 0), 1,
        };
        ATen.Call("aten::convolution\0"u8, stack);
        ATen.Delete(w);
        int filter = weight.Shape[2];
        return Adopt(
            stack[0], type, x.N, OutputSize(x.H, filter, stride, padding), OutputSize(x.W, filter, stride, padding), weight.Shape[0]);
    }

    public Tensor ConvolutionBackward(
        Tensor dy, Tensor x, ParameterStore store, Parameter weight, int stride, int padding, bool inputGradient)
    {
        nint w = WeightTensor(store, weight);
        ulong* stack = stackalloc ulong[11]
        {
            ImageArgument(dy), ImageArgument(x), ATen.Argument(w), 0, ATen.List(stride, stride), ATen.List(padding, padding),
            ATen.List(1, 1), 0, ATen.List(0, 0), 1, ATen.List(inputGradient ? 1 : 0, 1, 0),
        };
        ATen.Call("aten::convolution_backward\0"u8, stack);
        ATen.Delete(w);
        StoreGradient((nint)stack[1], store, weight);
        ClearPaddingTaps(store, weight, x, dy, stride, padding);
        ATen.Delete((nint)stack[2]);
        if (!inputGradient)
        {
            ATen.Delete((nint)stack[0]);
            return default;
        }

        return Adopt(stack[0], type, x.N, x.H, x.W, x.C);
    }

    public Tensor Linear(Tensor x, ParameterStore store, Parameter weight, Parameter bias, bool relu)
    {
        nint w = WeightTensor(store, weight);
        ulong* stack = stackalloc ulong[5];
        stack[0] = ATen.Argument(w);
        ATen.Call("aten::t\0"u8, stack);
        ulong transposed = stack[0];
        (stack[0], stack[1]) = (ATen.Argument(x.Handle), transposed);
        ATen.Call("aten::mm\0"u8, stack);
        Tensor y = Adopt(stack[0], type, x.N, 1, 1, weight.Shape[0]);
        AddBias(y, ((CpuParameterStore)store).Weights + bias.Offset, relu);
        ATen.Delete(w);
        return y;
    }

    public Tensor LinearBackward(Tensor dy, Tensor x, Tensor y, ParameterStore store, Parameter weight, Parameter bias, bool relu)
    {
        BiasBackward(dy, y, ((CpuParameterStore)store).Gradient + bias.Offset, relu);
        nint w = WeightTensor(store, weight);
        ulong* stack = stackalloc ulong[2];
        stack[0] = ATen.Argument(dy.Handle);
        ATen.Call("aten::t\0"u8, stack);
        stack[1] = ATen.Argument(x.Handle);
        ATen.Call("aten::mm\0"u8, stack);
        StoreGradient((nint)stack[0], store, weight);
        (stack[0], stack[1]) = (ATen.Argument(dy.Handle), ATen.Argument(w));
        ATen.Call("aten::mm\0"u8, stack);
        ATen.Delete(w);
        return Adopt(stack[0], type, x.N, 1, 1, x.C);
    }

    public Tensor MaxPool(Tensor x, out Tensor indices)
    {
        ulong* stack = stackalloc ulong[6]
        {
            ImageArgument(x), ATen.List(3, 3), ATen.List(2, 2), ATen.List(1, 1), ATen.List(1, 1), 0,
        };
        ATen.Call("aten::max_pool2d_with_indices\0"u8, stack);
        int h = OutputSize(x.H, 3, 2, 1), w = OutputSize(x.W, 3, 2, 1);
        indices = Adopt(stack[1], type, x.N, h, w, x.C);
        return Adopt(stack[0], type, x.N, h, w, x.C);
    }

    public Tensor MaxPoolBackward(Tensor dy, Tensor x, Tensor indices)
    {
        ulong* stack = stackalloc ulong[8]
        {
            ImageArgument(dy), ImageArgument(x), ATen.List(3, 3), ATen.List(2, 2), ATen.List(1, 1), ATen.List(1, 1), 0,
            ATen.Argument(indices.Handle),
        };
        ATen.Call("aten::max_pool2d_with_indices_backward\0"u8, stack);
        return Adopt(stack[0], type, x.N, x.H, x.W, x.C);
    }

    private static int OutputSize(int size, int filter, int stride, int padding) => ((size + (2 * padding) - filter) / stride) + 1;

    /// <summary>A four-dimensional view: the handles of 1 x 1 images are matrices.</summary>
    private static ulong ImageArgument(Tensor x) =>
        x.H == 1 && x.W == 1
            ? (ulong)ATen.Blob((void*)x.Data, TorchType(x.Type), [x.N, x.C, 1, 1], [x.C, 1, x.C, x.C])
            : ATen.Argument(x.Handle);

    private nint WeightTensor(ParameterStore store, Parameter weight)
    {
        var cpu = (CpuParameterStore)store;
        void* data = type == ElementType.Float32 ? cpu.Weights + weight.Offset : cpu.HalfWeights + weight.Offset;
        int[] s = weight.Shape;
        return s.Length switch
        {
            4 => ATen.Blob(
                data, TorchType(type), [s[0], s[1], s[2], s[3]], [(long)s[1] * s[2] * s[3], 1, (long)s[3] * s[1], s[1]]),
            2 => ATen.Blob(data, TorchType(type), [s[0], s[1]], [s[1], 1]),
            _ => ATen.Blob(data, TorchType(type), [s[0]], [1]),
        };
    }

    /// <summary>
    /// Zeroes the gradient of the taps that meet nothing but padding, as happens on images smaller than the filter: the bf16
    /// kernels may leave them unwritten.
    /// </summary>
    private static void ClearPaddingTaps(ParameterStore store, Parameter weight, Tensor x, Tensor dy, int stride, int padding)
    {
        (int k, int c, int r) = (weight.Shape[0], weight.Shape[1], weight.Shape[2]);
        float* gradient = ((CpuParameterStore)store).Gradient + weight.Offset;
        for (int tap = 0; tap < r * r; tap++)
        {
            if (Meets(tap / r, x.H, dy.H) && Meets(tap % r, x.W, dy.W))
            {
                continue;
            }

            for (int filter = 0; filter < k; filter++)
            {
                new Span<float>(gradient + ((((long)filter * r * r) + tap) * c), c).Clear();
            }
        }

        bool Meets(int tap, int size, int outputs)
        {
            // The first output whose position is not left of the image.
            int output = Math.Max(0, (padding - tap + stride - 1) / stride);
            return output < outputs && (output * stride) + tap - padding < size;
        }
    }

    /// <summary>Copies an operator's gradient into the flat gradient, which is fp32 and channels-last.</summary>
    private void StoreGradient(nint gradient, ParameterStore store, Parameter weight)
    {
        float* target = ((CpuParameterStore)store).Gradient + weight.Offset;
        void* source = ATen.Data(gradient);
        int[] s = weight.Shape;
        if (s.Length == 2 || s[1] == 1 || ATen.Stride(gradient, 1) == 1)
        {
            CopyToFloat(source, target, weight.Count);
        }
        else
        {
            // Some filters (few input channels) come back as K x C x R x S.
            TransposeToChannelsLast(source, target, s[0], s[1], s[2] * s[3]);
        }

        ATen.Delete(gradient);
    }
}
