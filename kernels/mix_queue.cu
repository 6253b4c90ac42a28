// The transformed queue (Zhu et al., "Improving Contrastive Learning by Visualizing Feature Transformation", ICCV 2021,
// section 4.2):
//   z^_j = lambda z_j + (1 - lambda) z_pi(j), lambda ~ Beta(a, a), pi a random permutation of 0..K-1
// normalised again if asked for. Mixed in fp32, stored in fp32 or bf16; norms are summed in double. A block makes FT_THREADS
// rows: first each thread draws pi and the row's lambda of one of them (one lane a row would leave the other 31 idle for as
// long as the mix takes twice over), then groups of up to 32 lanes mix row after row, four channels a lane.
// FT_QUEUE_BF16, FT_MIXED_BF16: 1 if the queue, and what is made of it, is bf16, else fp32. CPU twin: NegativeBlock.Mix.
#include "common/lambda.cuh"
#include "common/permutation.cuh"
#include "common/reduce.cuh"
#include "common/rows.cuh"

#define FT_THREADS 128 // also the rows of a block; MixQueue.Threads

extern __shared__ uint4 dynamic_shared[]; // the quantile table where every element draws, else nothing

// Mirrored by MixQueueArgs in C#.
struct MixQueueArgs
{
    const StepState* state;
    const void* queue;   // K x C, fp32 or bf16
    const float4* table; // quantiles of Beta(a, a)
    void* mixed;         // K x C, fp32 or bf16: z^; the queue itself where the step mixes nothing
    u64 seed;
    u32 k;
    u32 c;
    u32 rank;      // of this process, part of every random counter
    u32 row_bits;  // of the table
    u32 scope;     // LambdaScope
    u32 normalize; // 1: z^ is normalised
};

// One group of lanes and the row that it mixes.
template <typename T>
struct MixedRow
{
    const T* own;
    const T* partner;
    const LambdaStream& draws;
    u64 first; // element of channel 0
    u32 c;
    bool aligned;
    bool each;   // a lambda for each element
    float shared; // lambda of the row otherwise

    __device__ __forceinline__ float4 at(u32 column) const
    {
        float4 weight = each ? element_lambdas(draws, first + column) : make_float4(shared, shared, shared, shared);
        return mix(weight, load4(own, column, c, aligned), load4(partner, column, c, aligned));
    }
};

template <typename T, typename M>
__device__ __forceinline__ void mix_rows(const MixQueueArgs& args)
{
    __shared__ u32 keys[FT_PERMUTATION_ROUNDS];
    __shared__ u32 partners[FT_THREADS];
    __shared__ float lambdas[FT_THREADS];
    u32 c = args.c, block_first = blockIdx.x * FT_THREADS, step = args.state->step;
    bool mixing = args.state->transform != 0, each = mixing && args.scope == SCOPE_ELEMENT;
    float4* table = (float4*)dynamic_shared;
    LambdaStream row_draws = {args.table, args.row_bits, args.seed, step, USE_NEGATIVE_LAMBDA, args.rank};
    LambdaStream element_draws = {table, args.row_bits, args.seed, step, USE_NEGATIVE_LAMBDA, args.rank};
    if (threadIdx.x < FT_PERMUTATION_ROUNDS)
        keys[threadIdx.x] = philox_element(args.seed, step, USE_PERMUTATION_KEYS, args.rank, threadIdx.x);
    if (each)
    {
        // Lanes want different rows of it: shared memory serves them at once, the first cache line after line.
        for (u32 i = threadIdx.x; i < beta_rows(args.row_bits); i += FT_THREADS)
            table[i] = args.table[i];
    }
    __syncthreads();
    u32 mine = block_first + threadIdx.x;
    if (mine < args.k)
    {
        partners[threadIdx.x] = mixing ? permute(keys, permutation_bits(args.k), args.k, mine) : mine;
        lambdas[threadIdx.x] = mixing && !each ? row_lambda(row_draws, args.scope, mine) : 1.0f;
    }
    __syncthreads();

    const T* __restrict__ queue = (const T*)args.queue;
    M* __restrict__ mixed = (M*)args.mixed;
    bool aligned = rows_aligned(queue, c), mixed_aligned = rows_aligned(mixed, c);
    bool normalize = args.normalize != 0 && mixing;
    RowGroups place = row_groups(c, FT_THREADS);
    u32 rows = args.k - block_first < FT_THREADS ? args.k - block_first : FT_THREADS;
    for (u32 pass = 0; pass < rows; pass += place.groups)
    {
        // Groups past the last row mix it once more without storing, so that all lanes of a warp reach the sum.
        u32 wanted = pass + place.group, local = wanted < rows ? wanted : rows - 1;
        u64 first = (u64)(block_first + local) * c;
        const T* partner = queue + (u64)partners[local] * c;
        MixedRow<T> row = {queue + first, partner, element_draws, first, c, aligned, each, lambdas[local]};
        double scale = 1;
        if (normalize)
        {
            double square = 0;
            for (u32 column = 4 * place.lane; column < c; column += 4 * place.lanes)
                square = add_squares(square, row.at(column));
            scale = inverse_norm(sqrt(group_sum(square, place.lanes)));
        }
        if (wanted < rows)
        {
            for (u32 column = 4 * place.lane; column < c; column += 4 * place.lanes)
            {
                float4 value = row.at(column);
                store4(mixed + first, column, c, mixed_aligned, normalize ? scaled(value, scale) : value);
            }
        }
    }
}

extern "C" __global__ void __launch_bounds__(FT_THREADS) mix_queue(const MixQueueArgs args)
{
    mix_rows<FT_ELEMENT(FT_QUEUE_BF16), FT_ELEMENT(FT_MIXED_BF16)>(args);
}
