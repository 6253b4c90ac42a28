// Backward pass of relu(x W^T + b) up to the product: dy = y > 0 ? dy : 0 in place, db = sum over the rows of dy. The sums
// are fp32, in a fixed order: a block takes 32 columns, warp w of it rows w, w + 8, ...; then the eight sums are added.
// FT_BF16: 1 to have it for bf16 too.
// CPU twin: CpuDevice.BiasBackward.
#include "common/rows.cuh"

#define FT_THREADS 256 // BiasRelu.Threads
#define FT_WARPS (FT_THREADS / FT_WARP)

// Mirrored by BiasReluArgs in C#.
struct BiasReluArgs
{
    void* dy;        // N x C, fp32 or bf16
    const void* y;   // N x C, the same type: what the forward pass gave; null: no ReLU
    float* gradient; // C: dL/db
    u32 n;
    u32 c;
};

template <typename T>
__device__ __forceinline__ void bias_relu_backward(const BiasReluArgs& args)
{
    __shared__ float sums[FT_WARPS][FT_WARP];
    u32 lane = threadIdx.x % FT_WARP, warp = threadIdx.x / FT_WARP, column = blockIdx.x * FT_WARP + lane;
    T* dy = (T*)args.dy;
    const T* y = (const T*)args.y;
    float sum = 0;
    if (column < args.c)
    {
        for (u32 row = warp; row < args.n; row += FT_WARPS)
        {
            u64 i = (u64)row * args.c + column;
            float gradient = widen(dy[i]);
            if (y != nullptr && !(widen(y[i]) > 0.0f))
            {
                gradient = 0;
                narrow(0.0f, dy[i]);
            }
            sum += gradient;
        }
    }
    sums[warp][lane] = sum;
    __syncthreads();
    if (warp == 0 && column < args.c)
    {
#pragma unroll
        for (u32 i = 1; i < FT_WARPS; i++)
            sum += sums[i][lane];
        args.gradient[column] = sum;
    }
}

extern "C" __global__ void __launch_bounds__(FT_THREADS) bias_relu_backward_fp32(const BiasReluArgs args)
{
    bias_relu_backward<float>(args);
}

#if FT_BF16
extern "C" __global__ void __launch_bounds__(FT_THREADS) bias_relu_backward_bf16(const BiasReluArgs args)
{
    bias_relu_backward<u16>(args);
}
#endif
