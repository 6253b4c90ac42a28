// fp32 to bf16 (rounded to nearest even) and back, of a matrix whose rows may grow or shrink on the way: columns that the
// source does not have become zero, as cuDNN's first convolution wants its three channels padded; fp32 to fp32 does only that.
// Four elements a thread.
// FT_BF16: 1 for both directions between fp32 and bf16, else fp32 to fp32.
// CPU twin: BFloat16.Round and Widen.
#include "common/rows.cuh"

#define FT_THREADS 256 // Cast.Threads

// Mirrored by CastArgs in C#.
struct CastArgs
{
    const void* source; // rows x source_columns
    void* target;       // rows x target_columns
    u64 rows;
    u64 source_columns;
    u64 target_columns;
};

template <typename S, typename T>
__device__ __forceinline__ void cast(const CastArgs& args)
{
    u32 quads = (u32)((args.target_columns + 3) / 4), quad = blockIdx.x * FT_THREADS + threadIdx.x;
    u64 row = quad / quads, column = 4 * (u64)(quad % quads);
    if (row >= args.rows || column >= args.target_columns)
        return;
    const S* source = (const S*)args.source + row * args.source_columns;
    T* target = (T*)args.target + row * args.target_columns;
    u64 source_left = column < args.source_columns ? args.source_columns - column : 0, target_left = args.target_columns - column;
    bool source_aligned = rows_aligned((const S*)args.source, args.source_columns);
    bool target_aligned = rows_aligned((const T*)args.target, args.target_columns);
    float4 x = load4(source + column, 0, source_left < 4 ? (u32)source_left : 4u, source_aligned);
    store4(target + column, 0, target_left < 4 ? (u32)target_left : 4u, target_aligned, x);
}

#if FT_BF16
extern "C" __global__ void __launch_bounds__(FT_THREADS) cast_fp32_bf16(const CastArgs args) { cast<float, u16>(args); }

extern "C" __global__ void __launch_bounds__(FT_THREADS) cast_bf16_fp32(const CastArgs args) { cast<u16, float>(args); }
#else
extern "C" __global__ void __launch_bounds__(FT_THREADS) cast_fp32_fp32(const CastArgs args) { cast<float, float>(args); }
#endif
