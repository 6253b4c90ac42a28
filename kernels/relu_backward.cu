// Backward pass of y = relu(f + shortcut) where the gradient before the ReLU is wanted itself, as it is that of the shortcut too:
// dy = y > 0 ? dy + dy2 : 0 in place, the sum in fp32. Four elements a thread. Elsewhere cuDNN masks the gradient on its way.
// FT_BF16: 1 if all is bf16, else fp32.
// CPU twin: BatchNormKernels.BackwardSums.
#include "common/rows.cuh"

#define FT_THREADS 256 // ReluBackward.Threads

// Mirrored by ReluBackwardArgs in C#.
struct ReluBackwardArgs
{
    void* dy;        // count, fp32 or bf16
    const void* dy2; // count, the same type: a second summand of the gradient; null: none
    const void* y;   // count, the same type: what the forward pass gave; null: no ReLU
    u64 count;
};

template <typename T>
__device__ __forceinline__ void relu_backward(const ReluBackwardArgs& args)
{
    u64 first = 4 * ((u64)blockIdx.x * FT_THREADS + threadIdx.x);
    if (first >= args.count)
        return;
    u32 left = args.count - first < 4 ? (u32)(args.count - first) : 4u;
    T* dy = (T*)args.dy + first;
    bool aligned = rows_aligned(dy, 0);
    float4 gradient = load4(dy, 0, left, aligned);
    if (args.dy2 != nullptr)
    {
        const T* dy2 = (const T*)args.dy2 + first;
        gradient = sum(gradient, load4(dy2, 0, left, rows_aligned(dy2, 0)));
    }
    if (args.y != nullptr)
    {
        const T* from = (const T*)args.y + first;
        float4 y = load4(from, 0, left, rows_aligned(from, 0));
        gradient = make_float4(y.x > 0.0f ? gradient.x : 0.0f, y.y > 0.0f ? gradient.y : 0.0f, y.z > 0.0f ? gradient.z : 0.0f,
            y.w > 0.0f ? gradient.w : 0.0f);
    }
    store4(dy, 0, left, aligned, gradient);
}

#if FT_BF16
extern "C" __global__ void __launch_bounds__(FT_THREADS) relu_backward_bf16(const ReluBackwardArgs args) { relu_backward<u16>(args); }
#else
extern "C" __global__ void __launch_bounds__(FT_THREADS) relu_backward_fp32(const ReluBackwardArgs args) { relu_backward<float>(args); }
#endif
