// SGD with momentum, as torch.optim.SGD (no dampening, no Nesterov):
//   g += decay w; v = momentum v + g; w -= rate v
// over all parameters in one launch (common/parameters.cuh), and the bf16 copy of the weights. fp32, rounded after each
// operation, as the CPU twin does: ElementwiseKernels.Sgd. A block takes one chunk, four elements a thread at a time.
#include "common/parameters.cuh"
#include "common/rows.cuh"

#define FT_THREADS 256 // Sgd.Threads

// Mirrored by SgdArgs in C#.
struct SgdArgs
{
    ParameterArrays arrays;
    float momentum;
    float decay; // of segments with PARAMETER_DECAY
};

extern "C" __global__ void __launch_bounds__(FT_THREADS) sgd(const SgdArgs args)
{
    const ParameterArrays& p = args.arrays;
    if (!may_update(p))
        return;
    ParameterChunk chunk = p.chunks[blockIdx.x];
    u32 flags = p.segments[chunk.segment].flags;
    float rate = *p.learning_rate, decay = flags & PARAMETER_DECAY ? args.decay : 0.0f;
    for (u32 offset = 4 * threadIdx.x; offset < chunk.count; offset += 4 * FT_THREADS)
    {
        u64 i = chunk.first + offset;
        float4 w = load_aligned4(p.weights + i);
        float4 g = flags & PARAMETER_BF16_GRADIENT ? load_aligned4(p.gradient_bf16 + i) : load_aligned4(p.gradient + i);
        g = multiply_add(decay, w, g);
        float4 v = multiply_add(args.momentum, load_aligned4(p.velocity + i), g);
        w = multiply_add(-rate, v, w);
        store_aligned4(p.velocity + i, v);
        store_aligned4(p.weights + i, w);
        if (p.weights_bf16 != nullptr)
            store_aligned4(p.weights_bf16 + i, w);
    }
}
