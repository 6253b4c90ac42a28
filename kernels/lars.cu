// SGD with layer-wise adaptive rates (You, Gitman, Ginsburg, "Large Batch Training of Convolutional Networks", 2017, in the
// form of the MoCo v3 and BYOL recipes):
//   g += decay w; g *= trust |w| / |g| where both norms are above 0; v = momentum v + g; w -= rate v
// Segments without PARAMETER_TRUST_RATIO (biases, batch normalisation) are left unscaled. Norms are taken in two launches:
// lars_norms sums each chunk, lars adds the sums of its segment in a fixed order; both in double. A block takes one chunk,
// four elements a thread at a time.
#include "common/parameters.cuh"
#include "common/reduce.cuh"
#include "common/rows.cuh"

#define FT_THREADS 256 // Lars.Threads

// Mirrored by LarsArgs in C#.
struct LarsArgs
{
    ParameterArrays arrays;
    double2* squares; // chunks: |w|^2 and |g + decay w|^2 of each
    float momentum;
    float decay; // of segments with PARAMETER_DECAY
    float trust; // trust coefficient
    u32 reserved;
};

// The gradient of four elements with the decay of their weights.
__device__ __forceinline__ float4 decayed(const ParameterArrays& p, u32 flags, float decay, u64 i, float4 w)
{
    float4 g = flags & PARAMETER_BF16_GRADIENT ? load_aligned4(p.gradient_bf16 + i) : load_aligned4(p.gradient + i);
    return multiply_add(flags & PARAMETER_DECAY ? decay : 0.0f, w, g);
}

extern "C" __global__ void __launch_bounds__(FT_THREADS) lars_norms(const LarsArgs args)
{
    const ParameterArrays& p = args.arrays;
    ParameterChunk chunk = p.chunks[blockIdx.x];
    u32 flags = p.segments[chunk.segment].flags;
    double weight = 0, gradient = 0;
    for (u32 offset = 4 * threadIdx.x; offset < chunk.count; offset += 4 * FT_THREADS)
    {
        u64 i = chunk.first + offset;
        float4 w = load_aligned4(p.weights + i);
        weight = add_squares(weight, w);
        gradient = add_squares(gradient, decayed(p, flags, args.decay, i, w));
    }
    weight = block_sum<FT_THREADS>(weight);
    gradient = block_sum<FT_THREADS>(gradient);
    if (threadIdx.x == 0)
        args.squares[blockIdx.x] = make_double2(weight, gradient);
}

extern "C" __global__ void __launch_bounds__(FT_THREADS) lars(const LarsArgs args)
{
    const ParameterArrays& p = args.arrays;
    if (!may_update(p))
        return;
    ParameterChunk chunk = p.chunks[blockIdx.x];
    ParameterSegment segment = p.segments[chunk.segment];
    float rate = *p.learning_rate, ratio = 1;
    if (segment.flags & PARAMETER_TRUST_RATIO)
    {
        double weight = 0, gradient = 0;
        for (u32 i = threadIdx.x; i < segment.chunks; i += FT_THREADS)
        {
            double2 squares = args.squares[segment.first_chunk + i];
            weight += squares.x;
            gradient += squares.y;
        }
        weight = block_sum<FT_THREADS>(weight);
        gradient = block_sum<FT_THREADS>(gradient);
        if (weight > 0 && gradient > 0)
            ratio = (float)(args.trust * sqrt(weight / gradient));
    }
    for (u32 offset = 4 * threadIdx.x; offset < chunk.count; offset += 4 * FT_THREADS)
    {
        u64 i = chunk.first + offset;
        float4 w = load_aligned4(p.weights + i);
        float4 g = scaled(decayed(p, segment.flags, args.decay, i, w), ratio);
        float4 v = multiply_add(args.momentum, load_aligned4(p.velocity + i), g);
        w = multiply_add(-rate, v, w);
        store_aligned4(p.velocity + i, v);
        store_aligned4(p.weights + i, w);
        if (p.weights_bf16 != nullptr)
            store_aligned4(p.weights_bf16 + i, w);
    }
}
