// Unit vectors of q_raw and k_raw, and the transformed positive pair (Zhu et al., "Improving Contrastive Learning by
// Visualizing Feature Transformation", ICCV 2021, section 4.1):
//   q = q_raw / max(|q_raw|, 1e-12), the same for k
//   q^ = lambda q + (1 - lambda) k, k^ = lambda k + (1 - lambda) q, p = q^ . k^
// with lambda ~ Beta(a, a) + 1 (extrapolation) or Beta(a, a) (interpolation), and both normalised again if asked for.
// Rows are row-major; norms are summed in double, p in fp32. One warp a row, four channels a lane; the second and the third
// look at a row find it in the first cache. FT_FEATURES_BF16: 1 if q_raw and k_raw are bf16, else fp32. FT_POSITIVE_ELEMENTS: see
// common/positive.cuh.
// CPU twin: PositivePair.Load.
#include "common/positive.cuh"
#include "common/reduce.cuh"
#include "common/rows.cuh"

#define FT_MIX_THREADS 128 // four rows; MixPositive.Threads

// Mirrored by MixPositiveArgs in C#.
struct MixPositiveArgs
{
    const StepState* state;
    const void* q_raw;   // N x C, fp32 or bf16, q_stride elements from row to row
    const void* k_raw;   // N x C, the same type, k_stride
    const float4* table; // quantiles of Beta(a, a); unused without a transformation
    float* q_hat;        // N x C: q^
    float* k_hat;        // N x C: k^
    float* keys;         // N x C: k, unit and unmixed
    u16* q_operand;      // N x C: q^ operand_scale in bf16; null: not wanted
    PairNorms* norms;    // N
    float* positive;     // N: p
    u64 seed;
    u64 q_stride;
    u64 k_stride;
    u32 n;
    u32 c;
    u32 rank;            // of this process, part of every random counter
    u32 row_bits;        // of the table
    u32 transform;       // PositiveTransform
    u32 scope;           // LambdaScope
    u32 normalize;       // 1: q^ and k^ are normalised
    float operand_scale; // log2(e) / tau
};

// What a look at the row is for.
enum Look
{
    LOOK_NORMS,     // the norms of q_raw and k_raw
    LOOK_HAT_NORMS, // those of q^ and k^, where they are normalised
    LOOK_RESULTS,
};

template <typename T>
__device__ __forceinline__ void mix_rows(const MixPositiveArgs& args)
{
    u32 row = blockIdx.x * (FT_MIX_THREADS / FT_WARP) + threadIdx.x / FT_WARP, lane = threadIdx.x % FT_WARP, c = args.c;
    if (row >= args.n)
        return;
    const T* __restrict__ q_row = (const T*)args.q_raw + row * args.q_stride;
    const T* __restrict__ k_row = (const T*)args.k_raw + row * args.k_stride;
    bool q_aligned = rows_aligned((const T*)args.q_raw, args.q_stride);
    bool k_aligned = rows_aligned((const T*)args.k_raw, args.k_stride);
    u64 first = (u64)row * c;
    bool aligned = rows_aligned(args.q_hat, c) && rows_aligned(args.k_hat, c) && rows_aligned(args.keys, c) &&
        rows_aligned(args.q_operand, c);

    u32 transform = args.state->transform != 0 ? args.transform : POSITIVE_NONE;
    LambdaStream draws = {args.table, args.row_bits, args.seed, args.state->step, USE_POSITIVE_LAMBDA, args.rank};
    PositiveLambda lambda(draws, transform, args.scope, row, c);
    bool normalize = args.normalize != 0 && transform != POSITIVE_NONE;
    double q_norm = 1, hat_q_norm = 1, hat_k_norm = 1, q_scale = 1, k_scale = 1, hat_q_scale = 1, hat_k_scale = 1;
    float score = 0;
#pragma unroll 1 // one body for all looks: most of what the kernel takes to compile
    for (u32 look = LOOK_NORMS; look <= LOOK_RESULTS; look += normalize ? 1 : 2)
    {
        double q_square = 0, k_square = 0;
        for (u32 column = 4 * lane; column < c; column += 4 * FT_WARP)
        {
            float4 q = load4(q_row, column, c, q_aligned), k = load4(k_row, column, c, k_aligned), hat_q = q, hat_k = k;
            if (look != LOOK_NORMS)
            {
                q = scaled(q, q_scale);
                k = scaled(k, k_scale);
                float4 weight = lambda.at(column);
                hat_q = mix(weight, q, k);
                hat_k = mix(weight, k, q);
            }
            if (look != LOOK_RESULTS)
            {
                q_square = add_squares(q_square, hat_q);
                k_square = add_squares(k_square, hat_k);
                continue;
            }
            if (normalize)
            {
                hat_q = scaled(hat_q, hat_q_scale);
                hat_k = scaled(hat_k, hat_k_scale);
            }
            score = dot(hat_q, hat_k, score);
            store4(args.keys + first, column, c, aligned, k);
            store4(args.q_hat + first, column, c, aligned, hat_q);
            store4(args.k_hat + first, column, c, aligned, hat_k);
            if (args.q_operand != nullptr)
                store4(args.q_operand + first, column, c, aligned, scaled(hat_q, args.operand_scale));
        }
        if (look == LOOK_RESULTS)
            break;
        double norm = sqrt(warp_sum(q_square)), other_norm = sqrt(warp_sum(k_square));
        (look == LOOK_NORMS ? q_norm : hat_q_norm) = norm;
        (look == LOOK_NORMS ? q_scale : hat_q_scale) = inverse_norm(norm);
        (look == LOOK_NORMS ? k_scale : hat_k_scale) = inverse_norm(other_norm);
        hat_k_norm = look == LOOK_NORMS ? 1.0 : other_norm;
    }

    score = warp_sum(score);
    if (lane == 0)
    {
        args.positive[row] = score;
        args.norms[row] = PairNorms{(float)q_norm, (float)hat_q_norm, (float)hat_k_norm};
    }
}

extern "C" __global__ void __launch_bounds__(FT_MIX_THREADS) mix_positive(const MixPositiveArgs args)
{
    mix_rows<FT_ELEMENT(FT_FEATURES_BF16)>(args);
}
