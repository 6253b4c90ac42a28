// Gaussian blur of the views that want it, then solarise and normalisation of their three channels (augment.cu has written the
// padding): a separable kernel of 2 r + 1 taps exp(-t^2 / (2 sigma^2)) divided by their sum, the view mirrored at its edge
// pixels, r = S / 20. A block takes a tile of 32 x 32 pixels of one channel: it and its margin come into shared memory, are
// summed along the rows, then along the columns. CPU twin: GaussianBlur.
// Part of the program of augment.cu.
#include "common/rows.cuh"
#include "common/view.cuh"

#define FT_BLUR_THREADS 256 // Augment.BlurThreads
#define FT_BLUR_TILE 32     // Augment.BlurTile

// r + 1 weights; (32 + 2 r) x (32 + 2 r) pixels; (32 + 2 r) x 32 sums along the rows: Augment.BlurSharedBytes
extern __shared__ uint4 dynamic_shared[];

// Mirrored by AugmentBlurArgs in C#.
struct AugmentBlurArgs
{
    const AugmentView* views;
    const float* planes; // views x 3 x S x S
    void* output;        // views x S x S x channels, fp32 or bf16
    u32 size;            // S
    u32 channels;        // 3, or more
    u32 radius;          // r
    u32 reserved;
};

__device__ __forceinline__ double tap(u32 t, double sigma) { return exp(-0.5 * t * t / (sigma * sigma)); }

// The place in 0..size-1 that mirrors a place outside; |place| stays below size for margins below it.
__device__ __forceinline__ u32 mirrored(i32 place, i32 size)
{
    place = place < 0 ? -place : place;
    place = place >= size ? 2 * size - 2 - place : place;
    return (u32)(place < 0 ? 0 : place); // beyond the margin of a last, partial tile: any pixel
}

// weights[0] middle + sum over t of weights[t] (left + right neighbour at distance t), rounded as on the CPU.
__device__ __forceinline__ float blurred(const float* weights, u32 radius, const float* middle, i32 step)
{
    float sum = __fmul_rn(weights[0], middle[0]);
#pragma unroll 2
    for (i32 t = 1; t <= (i32)radius; t++)
        sum = __fmaf_rn(weights[t], __fadd_rn(middle[-t * step], middle[t * step]), sum);
    return sum;
}

template <typename T>
__device__ __forceinline__ void blur(const AugmentBlurArgs& args)
{
    u32 channel = blockIdx.z % 3, index = blockIdx.z / 3, size = args.size, radius = args.radius;
    const AugmentView& view = args.views[index];
    if (!(view.blur_sigma > 0))
        return;
    u32 first_x = blockIdx.x * FT_BLUR_TILE, first_y = blockIdx.y * FT_BLUR_TILE, width = FT_BLUR_TILE + 2 * radius;
    float* weights = (float*)dynamic_shared;
    float* pixels = weights + radius + 1;
    float* rows = pixels + width * width;
    for (u32 t = threadIdx.x; t <= radius; t += FT_BLUR_THREADS)
    {
        double sum = 1, own = 1;
        for (u32 i = 1; i <= radius; i++)
        {
            double other = tap(i, view.blur_sigma);
            sum += 2 * other;
            own = i == t ? other : own;
        }
        weights[t] = (float)(own / sum);
    }
    const float* plane = args.planes + (3 * (u64)index + channel) * size * size;
    for (u32 i = threadIdx.x; i < width * width; i += FT_BLUR_THREADS)
    {
        u32 x = mirrored((i32)(first_x + i % width - radius), (i32)size);
        u32 y = mirrored((i32)(first_y + i / width - radius), (i32)size);
        pixels[i] = plane[(u64)y * size + x];
    }
    __syncthreads();
    for (u32 i = threadIdx.x; i < width * FT_BLUR_TILE; i += FT_BLUR_THREADS)
        rows[i] = blurred(weights, radius, pixels + i / FT_BLUR_TILE * width + i % FT_BLUR_TILE + radius, 1);
    __syncthreads();
    for (u32 i = threadIdx.x; i < FT_BLUR_TILE * FT_BLUR_TILE; i += FT_BLUR_THREADS)
    {
        u32 x = first_x + i % FT_BLUR_TILE, y = first_y + i / FT_BLUR_TILE;
        if (x >= size || y >= size)
            continue;
        float value = blurred(weights, radius, rows + i + radius * FT_BLUR_TILE, FT_BLUR_TILE);
        value = normalized(solarised(value, view.solarise), channel);
        narrow(value, ((T*)args.output)[(((u64)index * size + y) * size + x) * args.channels + channel]);
    }
}

#if FT_OUTPUT_BF16
extern "C" __global__ void __launch_bounds__(FT_BLUR_THREADS) augment_blur_bf16(const AugmentBlurArgs args) { blur<u16>(args); }
#else
extern "C" __global__ void __launch_bounds__(FT_BLUR_THREADS) augment_blur_fp32(const AugmentBlurArgs args) { blur<float>(args); }
#endif
