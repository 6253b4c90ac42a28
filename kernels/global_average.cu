// The mean over the pixels of each image, N x P x C to N x C, and its gradient. Sums are fp32 in a fixed order: a block takes an image
// and 128 channels, a warp every eighth pixel with four channels a lane; then the warps' sums are added, warp by warp. cuDNN's
// resampling is not used: on a device it gave wrong means in bf16.
// FT_BF16: 1 if all is bf16, else fp32.
// CPU twin: CpuDevice.GlobalAverage, CpuDevice.GlobalAverageBackward.
#include "common/rows.cuh"

#define FT_THREADS 256 // GlobalAverage.Threads
#define FT_CHANNELS (4 * FT_WARP) // GlobalAverage.Channels

// Mirrored by GlobalAverageArgs in C#.
struct GlobalAverageArgs
{
    const void* from; // forward: x, N x P x C; backward: dy, N x C; fp32 or bf16
    void* to;         // forward: y, N x C; backward: dx, N x P x C; the same type
    u32 n;
    u32 pixels;       // P
    u32 c;
    u32 reserved;
};

template <typename T>
__device__ __forceinline__ void global_average(const GlobalAverageArgs& args)
{
    __shared__ float4 sums[FT_THREADS];
    u32 c = args.c, warp = threadIdx.x / FT_WARP, column = blockIdx.y * FT_CHANNELS + 4 * (threadIdx.x % FT_WARP);
    const T* x = (const T*)args.from + (u64)blockIdx.x * args.pixels * c;
    bool aligned = rows_aligned((const T*)args.from, c);
    float4 total = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    for (u32 pixel = warp; pixel < args.pixels; pixel += FT_THREADS / FT_WARP)
        total = sum(total, load4(x + (u64)pixel * c, column, c, aligned));
    sums[threadIdx.x] = total;
    __syncthreads();
    if (warp != 0)
        return;
    for (u32 other = 1; other < FT_THREADS / FT_WARP; other++)
        total = sum(total, sums[other * FT_WARP + threadIdx.x]);
    T* y = (T*)args.to + (u64)blockIdx.x * c;
    store4(y, column, c, rows_aligned((const T*)args.to, c), scaled(total, 1.0f / args.pixels));
}

template <typename T>
__device__ __forceinline__ void global_average_backward(const GlobalAverageArgs& args)
{
    u32 c = args.c, quads = (c + 3) / 4, quad = blockIdx.x * FT_THREADS + threadIdx.x, column = 4 * (quad % quads);
    u64 row = quad / quads, image = (u32)row / args.pixels;
    if (image >= args.n)
        return;
    float4 dy = load4((const T*)args.from + image * c, column, c, rows_aligned((const T*)args.from, c));
    store4((T*)args.to + row * c, column, c, rows_aligned((const T*)args.to, c), scaled(dy, 1.0f / args.pixels));
}

#if FT_BF16
extern "C" __global__ void __launch_bounds__(FT_THREADS) global_average_bf16(const GlobalAverageArgs args) { global_average<u16>(args); }

extern "C" __global__ void __launch_bounds__(FT_THREADS) global_average_backward_bf16(const GlobalAverageArgs args)
{
    global_average_backward<u16>(args);
}
#else
extern "C" __global__ void __launch_bounds__(FT_THREADS) global_average_fp32(const GlobalAverageArgs args) { global_average<float>(args); }

extern "C" __global__ void __launch_bounds__(FT_THREADS) global_average_backward_fp32(const GlobalAverageArgs args)
{
    global_average_backward<float>(args);
}
#endif
