// Shapes, draws and tiles of infonce_fp32.
#pragma once
#include "infonce.cuh"
#include "lambda.cuh"
#include "permutation.cuh"
#include "reduce.cuh"
#include "rows.cuh"


constexpr u32 THREADS = 256;
constexpr u32 ROWS = 8192 / FT_CHANNELS;               // query rows of a CTA: 64 down to 4
constexpr u32 KEYS = ROWS;                             // keys of a tile
constexpr u32 STRIDE = FT_CHANNELS + 4;                // floats from row to row: rows begin in different banks
constexpr u32 SCORE_STRIDE = KEYS + 4;
constexpr u32 SPLIT = THREADS * 16 / (ROWS * KEYS);    // threads that share a score
constexpr u32 LANES = ROWS * FT_WARP <= THREADS ? FT_WARP : THREADS / ROWS; // of a row, for its statistics
constexpr u32 DRAWN_TILES = THREADS / KEYS;            // tiles whose draws are made together

#if FT_QUEUE_BF16
typedef u16 QueueElement;
#else
typedef float QueueElement;
#endif

// pi and lambda of the keys of DRAWN_TILES tiles; in shared memory.
struct DrawnKeys
{
    u32 round_keys[FT_PERMUTATION_ROUNDS];
    u32 partners[THREADS];
    float lambdas[THREADS];
    u32 step;

    // Once; to be followed by a barrier.
    __device__ __forceinline__ void start(const InfoNceArgs& args)
    {
        if (threadIdx.x < FT_PERMUTATION_ROUNDS)
            round_keys[threadIdx.x] = philox_element(args.seed, args.state->step, USE_PERMUTATION_KEYS, args.rank, threadIdx.x);
        if (threadIdx.x == 0)
            step = args.state->step;
    }

    __device__ __forceinline__ LambdaStream stream(const InfoNceArgs& args) const
    {
        return LambdaStream{args.table, args.row_bits, args.seed, step, USE_NEGATIVE_LAMBDA, args.rank};
    }

    // For the tiles from `tile` on; a barrier before and behind.
    __device__ __forceinline__ void draw(const InfoNceArgs& args, const KeyTiles& tiles, u32 tile)
    {
        u64 key = (u64)tile * KEYS + threadIdx.x; // of the mixed half: the other one draws nothing
        bool mixed = FT_SCOPE != SCOPE_MIXED && tile + threadIdx.x / KEYS < tiles.mixed && key < args.k;
        partners[threadIdx.x] = mixed ? permute(round_keys, permutation_bits(args.k), args.k, (u32)key) : 0u;
        lambdas[threadIdx.x] = mixed && FT_SCOPE != SCOPE_ELEMENT ? row_lambda(stream(args), FT_SCOPE, (u32)key) : 1.0f;
    }
};

// The query tile; rows and channels behind the last are zeros.
__device__ __forceinline__ void load_queries(const InfoNceArgs& args, u32 first_row, float* queries)
{
    const float* all = (const float*)args.queries;
    bool aligned = rows_aligned(all, args.c);
    for (u32 i = threadIdx.x; i < ROWS * FT_CHANNELS / 4; i += THREADS)
    {
        u32 r = i / (FT_CHANNELS / 4), column = i % (FT_CHANNELS / 4) * 4, row = first_row + r;
        *(float4*)&queries[r * STRIDE + column] = load4(all + (u64)row * args.c, column, row < args.n ? args.c : 0u, aligned);
    }
}

// The tile of keys key .. key + KEYS - 1 of the queue; drawn: place of the first one's draws. Keys and channels behind the last
// are zeros.
__device__ __forceinline__ void make_keys(
    const InfoNceArgs& args, const DrawnKeys& draws, bool mixed, u32 key, u32 drawn, float* tile)
{
    const QueueElement* queue = (const QueueElement*)args.queue;
    const float* made = (const float*)args.mixed;
    bool aligned = rows_aligned(queue, args.c), made_aligned = rows_aligned(made, args.c);
    for (u32 i = threadIdx.x; i < KEYS * FT_CHANNELS / 4; i += THREADS)
    {
        u32 r = i / (FT_CHANNELS / 4), column = i % (FT_CHANNELS / 4) * 4, row = key + r, columns = row < args.k ? args.c : 0u;
        u64 start = (u64)row * args.c;
        float4 z;
        if (FT_SCOPE == SCOPE_MIXED && mixed)
        {
            z = load4(made + start, column, columns, made_aligned);
        }
        else
        {
            z = load4(queue + start, column, columns, aligned);
            if (mixed && column < columns)
            {
                float one = draws.lambdas[drawn + r];
                float4 lambda = FT_SCOPE == SCOPE_ELEMENT ? element_lambdas(draws.stream(args), start + column)
                                                          : make_float4(one, one, one, one);
                z = mix(lambda, z, load4(queue + (u64)draws.partners[drawn + r] * args.c, column, columns, aligned));
            }
        }
        *(float4*)&tile[r * STRIDE + column] = z;
    }
}
