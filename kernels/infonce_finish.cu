// From the partial results of infonce to loss, statistics and gradient (Zhu et al., ICCV 2021, section 4). With
// S = sum_j 2^(u_ij), P+ = 2^(p_i log2(e) / tau) / (2^(...) + S):
//   L_i = -log P+, dL/dq^_i = ((P+ - 1) k^_i + O_i (1 - P+) / S) / (tau N), dL/dk^_i = (P+ - 1) q^_i / (tau N),
//   then through the post-normalisation, dL/dq = lambda dL/dq^ + (1 - lambda) dL/dk^, and through q = q_raw / |q_raw|.
// A row whose norm is 0 has no gradient; NaN in a row, or a score that is infinite, gives NaN.
//
// The parts of a row lie in slots that follow from the split (common/infonce.cuh). They are added in a fixed order: scalars in
// double by thread and then over the threads of the row, O in fp32 by groups of lanes that take every groups-th part, then over
// the groups. The last block to finish adds the losses of all rows.
// FT_FEATURES_BF16: 1 if q_raw is bf16, else fp32. FT_POSITIVE_ELEMENTS: see common/positive.cuh. FT_ROWS: rows of a block; 1,
// where a row has many parts, or 8: a warp a row.
// FT_PASSES: quads of channels that a thread can own; 4 FT_ROW_THREADS FT_PASSES >= C.
// CPU twin: KeyStream.Finish, StreamKernels.Combine, PositivePair.Backward.
#include "common/infonce_parts.cuh"
#include "common/reduce.cuh"
#include "common/rows.cuh"

#define FT_THREADS 256 // InfoNceFinish.Threads
#define FT_ROW_THREADS (FT_THREADS / FT_ROWS)

// The order of RowStatistics in C#; arrays of N floats, the last of N integers.
enum StatisticsArray
{
    STATISTICS_LOSS,
    STATISTICS_POSITIVE,
    STATISTICS_MEAN,
    STATISTICS_VARIANCE,
    STATISTICS_POSITIVE_EXP,
    STATISTICS_NEGATIVE_EXP,
    STATISTICS_RANK,
};

// What the gradient needs of the softmax.
struct Softmax
{
    float shift; // power of two taken out of all sums
    float rest;  // P+ - 1
    float share; // what makes probabilities of the unscaled P_j
};

// The sum over the threads of a row; every one of them gets it.
template <typename T>
__device__ __forceinline__ T row_sum(T value)
{
    return FT_ROW_THREADS == FT_WARP ? warp_sum(value) : block_sum<FT_THREADS>(value);
}

// Four such sums at once, each in the order of row_sum: exchanges over 16 lanes, then over 8, leave each lane one of the four values.
__device__ __forceinline__ void row_sums(double (&values)[4])
{
    bool upper = (threadIdx.x & 16) != 0, odd = (threadIdx.x & 8) != 0;
    double even = upper ? values[2] : values[0], other = upper ? values[3] : values[1];
    even += __shfl_xor_sync(FT_FULL_MASK, upper ? values[0] : values[2], 16);
    other += __shfl_xor_sync(FT_FULL_MASK, upper ? values[1] : values[3], 16);
    double value = (odd ? other : even) + __shfl_xor_sync(FT_FULL_MASK, odd ? even : other, 8);
    value = group_sum(value, 8);
    u32 lanes = 8; // from one value to the next
    if (FT_ROW_THREADS != FT_WARP)
    {
        __shared__ double sums[FT_THREADS / FT_WARP][4];
        if (threadIdx.x % 8 == 0)
            sums[threadIdx.x / FT_WARP][threadIdx.x / 8 % 4] = value;
        __syncthreads();
        value = sums[0][threadIdx.x % 4];
        for (u32 warp = 1; warp < FT_THREADS / FT_WARP; warp++)
            value += sums[warp][threadIdx.x % 4];
        lanes = 1;
    }
#pragma unroll
    for (u32 i = 0; i < 4; i++)
        values[i] = __shfl_sync(FT_FULL_MASK, value, (int)(i * lanes));
}

__device__ __forceinline__ float row_max(float value)
{
    value = warp_max(value);
    if (FT_ROW_THREADS == FT_WARP)
        return value;
    __shared__ float largest[FT_THREADS / FT_WARP];
    if (threadIdx.x % FT_WARP == 0)
        largest[threadIdx.x / FT_WARP] = value;
    __syncthreads();
    for (u32 warp = 0; warp < FT_THREADS / FT_WARP; warp++)
        value = fmaxf(value, largest[warp]);
    return value;
}

// Orders what the threads of a row left in shared memory.
__device__ __forceinline__ void row_sync()
{
    if (FT_ROW_THREADS == FT_WARP)
        __syncwarp();
    else
        __syncthreads();
}

// Equations 3.5 and 3.7; the same result in all threads of the row.
__device__ __forceinline__ Softmax softmax_of(const RowParts& parts, u32 i)
{
    __shared__ Softmax results[FT_ROWS];
    Softmax& result = results[threadIdx.x / FT_ROW_THREADS];
    u32 thread = threadIdx.x % FT_ROW_THREADS;
    const InfoNceFinishArgs& args = parts.args;
    float shift = -FT_INFINITY;
#pragma unroll 1 // a thread has one part, or two
    for (u32 part = thread; part < parts.count; part += FT_ROW_THREADS)
        shift = fmaxf(shift, parts.value(part, PARTIAL_SHIFT));
    shift = row_max(shift);

    double sums[4] = {0, 0, 0, 0};
#pragma unroll 1
    for (u32 part = thread; part < parts.count; part += FT_ROW_THREADS)
    {
        sums[0] += parts.value(part, PARTIAL_SCORE);
        sums[1] += parts.value(part, PARTIAL_SQUARE);
        sums[2] += parts.value(part, PARTIAL_EXP) * (double)exp2f(parts.value(part, PARTIAL_SHIFT) - shift);
        sums[3] += __float_as_uint(parts.value(part, PARTIAL_RANK));
    }
    row_sums(sums);
    double score = sums[0], square = sums[1], exp = sums[2], rank = sums[3];
    const double LOG2E = 1.4426950408889634;
    double scale = LOG2E / args.tau, p = args.positive[i];

    // Three powers of two, each by its own lanes: the code of one takes as long to compile as a small kernel.
    u32 lane = threadIdx.x % 4;
    double power = exp2(lane == 0 ? fma(p, scale, -(double)shift) : lane == 1 ? p * scale : (double)shift);
    double positive = __shfl_sync(FT_FULL_MASK, power, 0), positive_exp = __shfl_sync(FT_FULL_MASK, power, 1);
    double unit = __shfl_sync(FT_FULL_MASK, power, 2); // of the sums
    if (thread == 0)
    {
        double negatives = parts.negatives(), all = positive + exp, mean = score / scale / negatives;
        // A score of -infinity would vanish in the exponentials: seen in the sum, it becomes NaN.
        if (!(fabs(score) < (double)FT_INFINITY))
            all = FT_NAN;
        double variance = negatives < 2 ? (double)FT_NAN : (square / (scale * scale) - negatives * mean * mean) / (negatives - 1);
        float* statistics = args.statistics + i;
        u64 stride = args.n;
        statistics[stride * STATISTICS_LOSS] = (float)((log2(all) + shift) / LOG2E - p / args.tau);
        statistics[stride * STATISTICS_POSITIVE] = (float)p;
        statistics[stride * STATISTICS_MEAN] = (float)mean;
        statistics[stride * STATISTICS_VARIANCE] = (float)(variance < 0 ? 0.0 : variance);
        statistics[stride * STATISTICS_POSITIVE_EXP] = (float)positive_exp;
        statistics[stride * STATISTICS_NEGATIVE_EXP] = (float)(exp / negatives * unit);
        statistics[stride * STATISTICS_RANK] = __uint_as_float((u32)rank);
        result = Softmax{shift, (float)(-exp / all), (float)(1 / all)};
    }
    row_sync();
    return result;
}

// The gradient through u = v / |v|: (du - u (u . du)) / |v|; the sum runs over the row.
__device__ __forceinline__ void normalize_backward(float4 (&du)[FT_PASSES], const float4 (&u)[FT_PASSES], float norm)
{
    float along = 0;
#pragma unroll
    for (u32 pass = 0; pass < FT_PASSES; pass++)
        along = dot(u[pass], du[pass], along);
    along = -row_sum(along);
    double scale = norm == 0 ? 0.0 : inverse_norm(norm);
#pragma unroll
    for (u32 pass = 0; pass < FT_PASSES; pass++)
        du[pass] = scaled(add_scaled(u[pass], along, du[pass]), scale);
}

// A quad of O over every stride-th part from `first` on.
__device__ __forceinline__ float4 sum_parts(const RowParts& parts, float shift, u32 first, u32 stride, u32 column)
{
    u32 steps = first < parts.count && column < parts.args.c ? (parts.count - first + stride - 1) / stride : 0;
    float4 sum = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
#pragma unroll 4 // loads that are on their way at the same time: the count is known before the loop for that
    for (u32 step = 0; step < steps; step++)
    {
        u32 part = first + step * stride;
        sum = add_scaled(parts.sums(part, column), exp2f(parts.value(part, PARTIAL_SHIFT) - shift), sum);
    }
    return sum;
}

// The sums O of the row: thread lane of group 0 gets the quads lane + pass lanes, the others zeros.
__device__ __forceinline__ void combine(const RowParts& parts, float shift, u32 lanes, float4 (&sums)[FT_PASSES])
{
    __shared__ float4 groups[FT_ROWS == 1 ? FT_THREADS : 1];
    u32 thread = threadIdx.x % FT_ROW_THREADS, lane = thread % lanes, group = thread / lanes, stride = FT_ROW_THREADS / lanes;
#pragma unroll
    for (u32 pass = 0; pass < FT_PASSES; pass++)
    {
        u32 column = 4 * (lane + pass * lanes);
        float4 sum = sum_parts(parts, shift, group, stride, column);
        sums[pass] = sum;
        if (FT_ROW_THREADS == FT_WARP) // which is one group
            continue;
        __syncthreads();
        groups[threadIdx.x] = sum;
        __syncthreads();
        sums[pass] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
        for (u32 i = 0; i < stride && group == 0; i++)
            sums[pass] = add_scaled(groups[lane + i * lanes], 1.0f, sums[pass]);
    }
}

// The mean of all losses, by the last block.
__device__ __forceinline__ void add_losses(const InfoNceFinishArgs& args)
{
    __shared__ bool last;
    __syncthreads(); // the losses of the block's rows are written
    if (threadIdx.x == 0)
    {
        __threadfence();
        last = atomicAdd(args.finished, 1u) == gridDim.x - 1;
        __threadfence();
    }
    __syncthreads();
    if (!last)
        return;
    const float* losses = args.statistics + (u64)args.n * STATISTICS_LOSS;
    double sum = 0;
#pragma unroll 1
    for (u32 i = threadIdx.x; i < args.n; i += 4 * FT_THREADS)
    {
        float loss[4]; // on their way at the same time; past the first cache, as other multiprocessors wrote them
#pragma unroll
        for (u32 j = 0; j < 4; j++)
            loss[j] = i + j * FT_THREADS < args.n ? __ldcg(losses + i + j * FT_THREADS) : 0.0f;
#pragma unroll
        for (u32 j = 0; j < 4; j++)
            sum += loss[j];
    }
    sum = block_sum<FT_THREADS>(sum);
    if (threadIdx.x == 0)
        *args.loss = (float)(sum / args.n);
}

// T: of q_raw.
template <typename T>
__device__ __forceinline__ void finish_row(const InfoNceFinishArgs& args, u32 i)
{
    u32 c = args.c, thread = threadIdx.x % FT_ROW_THREADS, lanes = FT_WARP;
#pragma unroll 1
    while (lanes < FT_ROW_THREADS && 4 * lanes < c)
        lanes *= 2;
    RowParts parts(args, i);
    Softmax softmax = softmax_of(parts, i);
    float4 q_gradient[FT_PASSES];
    combine(parts, softmax.shift, lanes, q_gradient);

    // Only group 0 has columns from here on: the others see a row of none.
    u32 columns = thread < lanes ? c : 0u, lane = thread % lanes;
    const T* __restrict__ q_row = (const T*)args.q_raw + i * args.q_stride;
    float* __restrict__ dq_row = args.dq_raw + i * args.dq_stride;
    u64 row = (u64)i * c;
    bool q_aligned = rows_aligned((const T*)args.q_raw, args.q_stride), dq_aligned = rows_aligned(args.dq_raw, args.dq_stride);
    bool aligned = rows_aligned(args.q_hat, c) && rows_aligned(args.k_hat, c);
    u32 transform = args.state->transform != 0 ? args.transform : POSITIVE_NONE;
    LambdaStream draws = {args.table, args.row_bits, args.seed, args.state->step, USE_POSITIVE_LAMBDA, args.rank};
    PositiveLambda lambda(draws, transform, args.scope, i, c);
    PairNorms norms = args.norms[i];
    float mean = (float)(1.0 / ((double)args.tau * args.n));
    float4 hat_q[FT_PASSES], hat_k[FT_PASSES], k_gradient[FT_PASSES], q[FT_PASSES];
#pragma unroll
    for (u32 pass = 0; pass < FT_PASSES; pass++)
    {
        u32 column = 4 * (lane + pass * lanes);
        hat_q[pass] = load4(args.q_hat + row, column, columns, aligned);
        hat_k[pass] = load4(args.k_hat + row, column, columns, aligned);
        q[pass] = scaled(load4(q_row, column, columns, q_aligned), inverse_norm(norms.q));
        q_gradient[pass] = scaled(add_scaled(hat_k[pass], softmax.rest, scaled(q_gradient[pass], softmax.share)), mean);
        k_gradient[pass] = scaled(hat_q[pass], mean * softmax.rest);
    }
    if (args.normalize != 0 && transform != POSITIVE_NONE)
    {
        normalize_backward(q_gradient, hat_q, norms.hat_q);
        normalize_backward(k_gradient, hat_k, norms.hat_k);
    }
#pragma unroll
    for (u32 pass = 0; pass < FT_PASSES; pass++)
    {
        u32 column = 4 * (lane + pass * lanes);
        q_gradient[pass] = column < columns ? mix(lambda.at(column), q_gradient[pass], k_gradient[pass]) : q_gradient[pass];
    }
    normalize_backward(q_gradient, q, norms.q);
#pragma unroll
    for (u32 pass = 0; pass < FT_PASSES; pass++)
        store4(dq_row, 4 * (lane + pass * lanes), columns, dq_aligned, q_gradient[pass]);
}

extern "C" __global__ void __launch_bounds__(FT_THREADS) infonce_finish(const InfoNceFinishArgs args)
{
    u32 row = blockIdx.x * FT_ROWS + threadIdx.x / FT_ROW_THREADS;
    if (row < args.n)
        finish_row<FT_ELEMENT(FT_FEATURES_BF16)>(args, row);
    add_losses(args);
}
