// Weighted k-NN (Wu et al., "Unsupervised feature learning via non-parametric instance discrimination", CVPR 2018, section
// 3.4): the k rows of a bank with the largest cosine s to a query, of equal ones those with the lower index, and their vote
//   vote_class = sum over neighbours of the class of exp((s - s_1) / T)
// in three launches: knn_normalize for bank and queries, knn_search, knn_vote. A cosine is one chain of fused multiply-adds
// over the channels, the same bits as on the CPU; no N x M array exists. CPU twins: NearestNeighbors, BestMatches,
// KnnEvaluation.Vote.
#include "common/reduce.cuh"
#include "common/rows.cuh"
#include "common/top_k.cuh"

#define FT_NORMALIZE_THREADS 128 // four rows; Knn.NormalizeThreads
#define FT_THREADS 256           // Knn.Threads
#define FT_TILE 64               // queries, and rows of the bank, of a tile: 4 x 4 cosines a thread; Knn.Tile
#define FT_DEPTH 16              // channels in shared memory at a time; unit rows are padded to a multiple; Knn.Depth
#define FT_STRIDE (FT_TILE + 4)  // of a channel in shared memory

// Mirrored by KnnNormalizeArgs in C#.
struct KnnNormalizeArgs
{
    const float* rows; // rows x C, stride elements from row to row
    float* unit;       // rows x padded
    u64 stride;
    u32 count;         // rows
    u32 c;
    u32 padded;        // C rounded up to a multiple of FT_DEPTH
    u32 reserved;
};

// One warp a row; the square is summed in double. A zero row stays zero.
extern "C" __global__ void __launch_bounds__(FT_NORMALIZE_THREADS) knn_normalize(const KnnNormalizeArgs args)
{
    u32 row = blockIdx.x * (FT_NORMALIZE_THREADS / FT_WARP) + threadIdx.x / FT_WARP, lane = threadIdx.x % FT_WARP;
    if (row >= args.count)
        return;
    const float* from = args.rows + row * args.stride;
    float* to = args.unit + (u64)row * args.padded;
    bool aligned = rows_aligned(args.rows, args.stride);
    double square = 0;
    for (u32 column = 4 * lane; column < args.c; column += 4 * FT_WARP)
        square = add_squares(square, load4(from, column, args.c, aligned));
    square = warp_sum(square);
    double scale = square == 0 ? 0 : 1 / sqrt(square);
    for (u32 column = 4 * lane; column < args.padded; column += 4 * FT_WARP)
        store_aligned4(to + column, scaled(load4(from, column, args.c, aligned), scale));
}

// Mirrored by KnnSearchArgs in C#.
struct KnnSearchArgs
{
    const float* queries; // N x padded, unit rows
    const float* bank;    // M x padded, unit rows
    u64* keys;            // gridDim.y x N x capacity: match keys of each part of the bank
    u32* counts;          // gridDim.y x N: how many of them are filled, at most k in the end
    u32 n;
    u32 m;
    u32 padded;
    u32 k;
    u32 capacity;         // at least k + FT_TILE
    u32 reserved;
};

// Four channels of one row of a tile, on their way to shared memory.
struct TilePiece
{
    const float* row;
    u32 quad, place;

    __device__ __forceinline__ TilePiece(const float* rows, u32 first, u32 count, u32 padded)
        : quad(threadIdx.x % (FT_DEPTH / 4)), place(threadIdx.x / (FT_DEPTH / 4))
    {
        row = rows + (u64)min(first + place, count - 1) * padded + 4 * quad; // past the end the last row again
    }

    __device__ __forceinline__ void store(float (*tile)[FT_STRIDE], float4 x) const
    {
        tile[4 * quad][place] = x.x;
        tile[4 * quad + 1][place] = x.y;
        tile[4 * quad + 2][place] = x.z;
        tile[4 * quad + 3][place] = x.w;
    }
};

__device__ __forceinline__ void multiply(float a, float4 b, float* sums)
{
    sums[0] = __fmaf_rn(a, b.x, sums[0]);
    sums[1] = __fmaf_rn(a, b.y, sums[1]);
    sums[2] = __fmaf_rn(a, b.z, sums[2]);
    sums[3] = __fmaf_rn(a, b.w, sums[3]);
}

// Cosines of a tile of queries and a tile of the bank: query 4 (thread / 16) + i, row 4 (thread % 16) + j in sums[4 i + j].
__device__ __forceinline__ void cosines(const TilePiece& query, const TilePiece& bank, u32 padded, float* sums)
{
    __shared__ float queries[FT_DEPTH][FT_STRIDE], rows[FT_DEPTH][FT_STRIDE];
    u32 y = 4 * (threadIdx.x / 16), x = 4 * (threadIdx.x % 16);
#pragma unroll
    for (int i = 0; i < 16; i++)
        sums[i] = 0;
    float4 next_query = load_aligned4(query.row), next_row = load_aligned4(bank.row);
    for (u32 channel = 0; channel < padded; channel += FT_DEPTH)
    {
        __syncthreads();
        query.store(queries, next_query);
        bank.store(rows, next_row);
        __syncthreads();
        if (channel + FT_DEPTH < padded)
        {
            next_query = load_aligned4(query.row + channel + FT_DEPTH);
            next_row = load_aligned4(bank.row + channel + FT_DEPTH);
        }
#pragma unroll
        for (int c = 0; c < FT_DEPTH; c++)
        {
            float4 a = *(const float4*)&queries[c][y], b = *(const float4*)&rows[c][x];
            multiply(a.x, b, sums);
            multiply(a.y, b, sums + 4);
            multiply(a.z, b, sums + 8);
            multiply(a.w, b, sums + 12);
        }
    }
}

// Grid: tiles of queries x parts of the bank. A half warp holds the cosines of four queries; those above the query's k-th best
// so far are appended to its list, and a list that may overflow is cut to its k best by the whole warp.
extern "C" __global__ void __launch_bounds__(FT_THREADS) knn_search(const KnnSearchArgs args)
{
    u32 lane = threadIdx.x % FT_WARP, half = lane / 16, first_query = blockIdx.x * FT_TILE + 4 * (threadIdx.x / 16);
    u32 tiles = (args.m + FT_TILE - 1) / FT_TILE;
    u32 tile = (u32)((u64)tiles * blockIdx.y / gridDim.y), end = (u32)((u64)tiles * (blockIdx.y + 1) / gridDim.y);
    u64 list = (u64)blockIdx.y * args.n + first_query;
    TilePiece query(args.queries, blockIdx.x * FT_TILE, args.n, args.padded);
    float threshold[4];
    u32 count[4];
#pragma unroll
    for (u32 i = 0; i < 4; i++)
    {
        threshold[i] = first_query + i < args.n ? -FT_INFINITY : FT_INFINITY; // nothing is above it
        count[i] = 0;
    }

    for (; tile <= end; tile++)
    {
        bool last = tile == end; // no rows any more, only the last cut
        float score[16];
        if (!last)
            cosines(query, TilePiece(args.bank, tile * FT_TILE, args.m, args.padded), args.padded, score);
#pragma unroll
        for (u32 i = 0; i < 4; i++)
        {
            u32 full = __ballot_sync(FT_FULL_MASK, last ? count[i] > args.k : count[i] + FT_TILE > args.capacity);
            for (u32 side = 0; side < 2; side++)
            {
                if (((full >> (16 * side)) & 1) == 0)
                    continue;
                u64* keys = args.keys + (list - 4 * half + 4 * side + i) * args.capacity;
                u32 length = __shfl_sync(FT_FULL_MASK, count[i], (int)(16 * side));
                u64 bound = kth_largest(KeyLists{keys, &length, 0, 0, 1}, args.k);
                append_at_least(keys, 0, keys, length, bound);
                if (half == side)
                {
                    count[i] = args.k;
                    threshold[i] = match_score(bound);
                }
            }
            if (last)
                continue;
#pragma unroll
            for (u32 j = 0; j < 4; j++)
            {
                u32 row = tile * FT_TILE + 4 * (lane % 16) + j;
                bool kept = row < args.m && score[4 * i + j] > threshold[i];
                u32 lanes = (__ballot_sync(FT_FULL_MASK, kept) >> (16 * half)) & 0xffffu;
                if (kept)
                {
                    u32 place = count[i] + (u32)__popc(lanes & ((1u << (lane % 16)) - 1u));
                    args.keys[(list + i) * args.capacity + place] = match_key(score[4 * i + j], row);
                }
                count[i] += (u32)__popc(lanes);
            }
            __syncwarp();
        }
    }
#pragma unroll
    for (u32 i = 0; i < 4; i++)
    {
        if (lane % 16 == 0 && first_query + i < args.n)
            args.counts[list + i] = count[i];
    }
}
