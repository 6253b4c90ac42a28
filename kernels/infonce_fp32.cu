// The contrastive pass in plain fp32, for any N, K and any C up to FT_CHANNELS: where tensor cores cannot be used or their
// rounding is not wanted. Equations, partial results and the split of the work as in infonce_bf16.
//
// queries: N x C fp32 (q^), row-major; queue: K x C fp32 or bf16; mixed (FT_SCOPE = SCOPE_MIXED): K x C fp32.
// FT_CHANNELS: 128, 256, 512, 1024 or 2048. FT_SCOPE, FT_QUEUE_BF16: as in common/tile_shape.cuh.
// A CTA holds ROWS x FT_CHANNELS queries and KEYS x FT_CHANNELS mixed keys in shared memory, and O in registers: 4 rows by 8
// channels a thread. Scores: 4 rows by 4 keys a thread over every SPLIT-th quad of channels, then added up over the SPLIT
// threads, in order. Exponentials: LANES neighbouring lanes a row, below a shift that starts at the positive's and is raised,
// by whole numbers, when a score asks for it. Sums are fp32, over a tile first. CPU twin: ContrastiveStep/StreamKernels.cs.
#include "common/fp32_tile.cuh"

// Scores of the tile, scaled by log2(e) / tau; sums: scratch of THREADS x 16 floats where scores are split.
__device__ __forceinline__ void make_scores(const float* queries, const float* keys, float* sums, float* scores, float scale)
{
    constexpr u32 ROW_QUADS = ROWS / 4, KEY_QUADS = KEYS / 4;
    u32 row = threadIdx.x % ROW_QUADS, key = threadIdx.x / ROW_QUADS % KEY_QUADS, part = threadIdx.x / (ROW_QUADS * KEY_QUADS);
    float s[4][4] = {};
    for (u32 c = 4 * part; c < FT_CHANNELS; c += 4 * SPLIT)
    {
        float4 q[4], z[4];
#pragma unroll
        for (u32 i = 0; i < 4; i++)
        {
            q[i] = *(const float4*)&queries[(row + i * ROW_QUADS) * STRIDE + c];
            z[i] = *(const float4*)&keys[(key + i * KEY_QUADS) * STRIDE + c];
        }
#pragma unroll
        for (u32 i = 0; i < 4; i++)
#pragma unroll
            for (u32 j = 0; j < 4; j++)
                s[i][j] = dot(q[i], z[j], s[i][j]);
    }
#pragma unroll
    for (u32 i = 0; i < 4; i++)
    {
        u32 place = row + i * ROW_QUADS;
#pragma unroll
        for (u32 j = 0; j < 4; j++)
            if (SPLIT == 1)
                scores[place * SCORE_STRIDE + key + j * KEY_QUADS] = s[i][j] * scale;
            else
                sums[(part * ROWS + place) * KEYS + key + j * KEY_QUADS] = s[i][j];
    }
    if (SPLIT == 1)
        return;
    __syncthreads();

    // HELPERS neighbouring lanes a score, where there are more threads than scores.
    constexpr u32 SCORES = ROWS * KEYS, HELPERS = SCORES < THREADS ? THREADS / SCORES : 1;
    for (u32 i = threadIdx.x / HELPERS; i < SCORES; i += THREADS / HELPERS)
    {
        float sum = 0.0f;
        for (u32 p = threadIdx.x % HELPERS; p < SPLIT; p += HELPERS)
            sum += sums[p * SCORES + i];
        sum = group_sum(sum, HELPERS);
        if (threadIdx.x % HELPERS == 0)
            scores[i / KEYS * SCORE_STRIDE + i % KEYS] = sum * scale;
    }
}

// One row's statistics in LANES lanes.
struct RowStatistics
{
    float positive, shift, score = 0.0f, square = 0.0f, exp = 0.0f;
    u32 rank = 0;

    // Scores become exponentials; returns what the row's O is to be multiplied by. All lanes of a warp take part.
    __device__ __forceinline__ float add(float* scores, u32 lane, u32 valid)
    {
        float sum = 0.0f, squares = 0.0f, largest = -FT_INFINITY;
        for (u32 j = lane; j < valid; j += LANES)
        {
            float u = scores[j];
            sum += u;
            squares = __fmaf_rn(u, u, squares);
            rank += u > positive ? 1u : 0u;
            largest = fmaxf(largest, u);
        }
#pragma unroll
        for (u32 offset = LANES / 2; offset > 0; offset /= 2)
            largest = fmaxf(largest, __shfl_xor_sync(FT_FULL_MASK, largest, offset));
        largest -= shift;
        float raise = largest > 64.0f ? ceilf(largest) : 0.0f, factor = exp2f(-raise), exponentials = 0.0f;
        shift += raise;
        for (u32 j = lane; j < KEYS; j += LANES)
        {
            float e = j < valid ? exp2f(scores[j] - shift) : 0.0f;
            exponentials += e;
            scores[j] = e;
        }
        score += sum;
        square += squares;
        exp = __fmaf_rn(exp, factor, exponentials);
        return factor;
    }
};

// O of the thread's 4 rows by 8 channels: quads of channels c and c + FT_CHANNELS / 2.
struct Products
{
    static constexpr u32 GROUPS = FT_CHANNELS / 8;
    u32 row = threadIdx.x / GROUPS * 4, c = threadIdx.x % GROUPS * 4;
    float4 sums[4][2];

    __device__ __forceinline__ void clear()
    {
#pragma unroll
        for (u32 i = 0; i < 8; i++)
            sums[i / 2][i % 2] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    }

    __device__ __forceinline__ void scale(const float* factors)
    {
#pragma unroll
        for (u32 i = 0; i < 8; i++)
            sums[i / 2][i % 2] = scaled(sums[i / 2][i % 2], factors[row + i / 2]);
    }

    __device__ __forceinline__ void add(const float* exponentials, const float* keys)
    {
#pragma unroll 4
        for (u32 j = 0; j < KEYS; j++)
        {
            float4 low = *(const float4*)&keys[j * STRIDE + c], high = *(const float4*)&keys[j * STRIDE + c + FT_CHANNELS / 2];
#pragma unroll
            for (u32 i = 0; i < 4; i++)
            {
                float p = exponentials[(row + i) * SCORE_STRIDE + j];
                sums[i][0] = add_scaled(low, p, sums[i][0]);
                sums[i][1] = add_scaled(high, p, sums[i][1]);
            }
        }
    }

    // Channels past the last are zeros.
    __device__ __forceinline__ void write(float* partial, u32 stride) const
    {
#pragma unroll
        for (u32 i = 0; i < 4; i++)
        {
#pragma unroll
            for (u32 half = 0; half < 2; half++)
            {
                u32 channel = c + half * (FT_CHANNELS / 2);
                if (channel < stride)
                    store_aligned4(partial + (u64)(row + i) * stride + channel, sums[i][half]);
            }
        }
    }
};

extern __shared__ uint4 dynamic_shared[];

extern "C" __global__ void __launch_bounds__(THREADS, 1) infonce_fp32(const InfoNceArgs args)
{
    __shared__ DrawnKeys draws;
    __shared__ KeyPart part;
    __shared__ float factors[ROWS];
    float* queries = (float*)dynamic_shared;
    float *keys = queries + ROWS * STRIDE, *scores = keys + KEYS * STRIDE, *sums = scores + ROWS * SCORE_STRIDE;
    u32 row = threadIdx.x / LANES, lane = threadIdx.x % LANES;
    bool has_row = row < ROWS; // whole warps: ROWS x LANES is a multiple of 32
    KeyTiles tiles = key_tiles(args.state, args.k, args.mix, args.extend, KEYS);
    draws.start(args);
    part.start(args, ROWS, tiles);
    Products products;
    while (part.next())
    {
        load_queries(args, part.query * ROWS, queries);
        RowStatistics statistics;
        u32 global_row = part.query * ROWS + row;
        statistics.positive = has_row && global_row < args.n ? args.positive[global_row] * args.scale : 0.0f;
        statistics.shift = rintf(statistics.positive);
        products.clear();
        u32 first = part.first, last = first + part.count;
        for (u32 tile = first; tile < last; tile++)
        {
            u32 key = (tile < tiles.of_queue ? tile : tile - tiles.of_queue) * KEYS, valid = min(KEYS, args.k - key);
            if ((tile - first) % DRAWN_TILES == 0)
            {
                __syncthreads();
                draws.draw(args, tiles, tile);
            }
            __syncthreads();
            make_keys(args, draws, tile < tiles.mixed, key, (tile - first) % DRAWN_TILES * KEYS, keys);
            __syncthreads();
            make_scores(queries, keys, sums, scores, args.scale);
            __syncthreads();
            float factor = has_row ? statistics.add(scores + row * SCORE_STRIDE, lane, valid) : 1.0f;
            if (has_row && lane == 0)
                factors[row] = factor;
            if (__syncthreads_or(factor != 1.0f))
                products.scale(factors);
            products.add(scores, keys);
        }

        float* partial = args.partials + part.slot * partial_floats(ROWS, args.c);
        u32 stride = partial_stride(args.c);
        products.write(partial, stride);
        if (has_row)
        {
            float* arrays = partial + (u64)ROWS * stride + row;
            float score = group_sum(statistics.score, LANES), square = group_sum(statistics.square, LANES);
            float exp = group_sum(statistics.exp, LANES);
            u32 rank = group_sum(statistics.rank, LANES);
            if (lane == 0)
            {
                arrays[PARTIAL_SCORE * ROWS] = score;
                arrays[PARTIAL_SQUARE * ROWS] = square;
                arrays[PARTIAL_EXP * ROWS] = exp;
                arrays[PARTIAL_RANK * ROWS] = __uint_as_float(rank);
                arrays[PARTIAL_SHIFT * ROWS] = statistics.shift;
            }
        }
    }
}
