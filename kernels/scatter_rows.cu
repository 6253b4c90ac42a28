// target[order[i]] = source[i]: brings the keys of shuffle-BN (He et al., "Momentum Contrast", section 3.3) back into the
// order of the queries. Groups of up to 32 lanes copy a row each, four channels a lane. CPU twin: MoCo.EmbedKeys.
#include "common/rows.cuh"

#define FT_THREADS 128 // ScatterRows.Threads

// Mirrored by ScatterRowsArgs in C#.
struct ScatterRowsArgs
{
    const void* source; // N x C, fp32 or bf16
    void* target;       // N x C, the same type
    const u32* order;   // N: a permutation of 0..N-1
    u32 n;
    u32 c;
};

template <typename T>
__device__ __forceinline__ void scatter_rows(const ScatterRowsArgs& args)
{
    RowGroups place = row_groups(args.c, FT_THREADS);
    u32 i = blockIdx.x * place.groups + place.group, c = args.c;
    if (i >= args.n)
        return;
    const T* from = (const T*)args.source + (u64)i * c;
    T* to = (T*)args.target + (u64)args.order[i] * c;
    bool from_aligned = rows_aligned((const T*)args.source, c), to_aligned = rows_aligned((const T*)args.target, c);
    for (u32 column = 4 * place.lane; column < c; column += 4 * place.lanes)
        store4(to, column, c, to_aligned, load4(from, column, c, from_aligned));
}

extern "C" __global__ void __launch_bounds__(FT_THREADS) scatter_rows_fp32(const ScatterRowsArgs args)
{
    scatter_rows<float>(args);
}

extern "C" __global__ void __launch_bounds__(FT_THREADS) scatter_rows_bf16(const ScatterRowsArgs args)
{
    scatter_rows<u16>(args);
}
