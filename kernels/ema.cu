// The key encoder follows the query encoder (He et al., "Momentum Contrast", CVPR 2020, equation 2):
//   target = m target + (1 - m) source
// over the flat array of all parameters (common/parameters.cuh), and its bf16 copy. fp32, rounded after each operation, as
// the CPU twin does: ElementwiseKernels.Ema. Four elements a thread.
#include "common/rows.cuh"

#define FT_THREADS 256 // Ema.Threads

// Mirrored by EmaArgs in C#.
struct EmaArgs
{
    float* target;       // count
    const float* source; // count
    u16* target_bf16;    // count; null: no copy
    u64 count;           // a multiple of 4: tensors are padded
    float m;
    float rest; // 1 - m
};

__device__ __forceinline__ float follow(const EmaArgs& args, float target, float source)
{
    return __fadd_rn(__fmul_rn(args.m, target), __fmul_rn(args.rest, source));
}

extern "C" __global__ void __launch_bounds__(FT_THREADS) ema(const EmaArgs args)
{
    u64 i = 4 * ((u64)blockIdx.x * FT_THREADS + threadIdx.x);
    if (i >= args.count)
        return;
    float4 t = load_aligned4(args.target + i), s = load_aligned4(args.source + i);
    t = make_float4(follow(args, t.x, s.x), follow(args, t.y, s.y), follow(args, t.z, s.z), follow(args, t.w, s.w));
    store_aligned4(args.target + i, t);
    if (args.target_bf16 != nullptr)
        store_aligned4(args.target_bf16 + i, t);
}
