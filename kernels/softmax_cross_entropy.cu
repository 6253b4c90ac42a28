// Softmax cross-entropy of a linear classifier, forward and backward in one:
//   L_i = log(sum_j exp(x_ij)) - x_i,label; dL/dx_ij = (softmax_ij - [j = label]) / N
// fp32, the largest logit taken out first. One warp a row, four classes a lane; the gradient may take the place of the
// logits. CPU twin: SoftmaxRegression.Loss.
#include "common/reduce.cuh"
#include "common/rows.cuh"

#define FT_THREADS 128      // four rows; SoftmaxCrossEntropy.Threads
#define FT_MEAN_THREADS 256 // SoftmaxCrossEntropy.MeanThreads

// Mirrored by SoftmaxCrossEntropyArgs in C#.
struct SoftmaxCrossEntropyArgs
{
    const float* logits; // N x classes, stride elements from row to row
    const i32* labels;   // N, each in 0..classes-1
    float* gradient;     // N x classes, stride; may be the logits; null: the losses alone
    float* losses;       // N
    float* mean;         // 1: by softmax_cross_entropy_mean
    u64 stride;
    u32 n;
    u32 classes;
};

__device__ __forceinline__ float4 exponentials(float4 x, float maximum)
{
    return make_float4(expf(x.x - maximum), expf(x.y - maximum), expf(x.z - maximum), expf(x.w - maximum));
}

extern "C" __global__ void __launch_bounds__(FT_THREADS) softmax_cross_entropy(const SoftmaxCrossEntropyArgs args)
{
    u32 row = blockIdx.x * (FT_THREADS / FT_WARP) + threadIdx.x / FT_WARP, lane = threadIdx.x % FT_WARP;
    u32 classes = args.classes;
    if (row >= args.n)
        return;
    const float* logits = args.logits + row * args.stride;
    bool aligned = rows_aligned(args.logits, args.stride) && rows_aligned(args.gradient, args.stride);
    u32 label = (u32)args.labels[row];
    float chosen = logits[label];

    float maximum = -FT_INFINITY;
    for (u32 column = lane; column < classes; column += FT_WARP)
        maximum = fmaxf(maximum, logits[column]);
    maximum = warp_max(maximum);
    float sum = 0;
    for (u32 column = lane; column < classes; column += FT_WARP)
        sum += expf(logits[column] - maximum);
    sum = warp_sum(sum);
    if (lane == 0)
        args.losses[row] = logf(sum) + (maximum - chosen);
    if (args.gradient == nullptr)
        return;

    __syncwarp(); // the gradient may take the place of logits that other lanes have read
    float* gradient = args.gradient + row * args.stride;
    float scale = 1.0f / (sum * (float)args.n), one = 1.0f / (float)args.n;
    for (u32 column = 4 * lane; column < classes; column += 4 * FT_WARP)
    {
        float4 x = exponentials(load4(logits, column, classes, aligned), maximum);
        u32 at = label - column; // 0..3 where the label is among the four
        x = make_float4(x.x * scale - (at == 0 ? one : 0.0f), x.y * scale - (at == 1 ? one : 0.0f),
            x.z * scale - (at == 2 ? one : 0.0f), x.w * scale - (at == 3 ? one : 0.0f));
        store4(gradient, column, classes, aligned, x);
    }
}

// One block: the mean of the losses, summed in double.
extern "C" __global__ void __launch_bounds__(FT_MEAN_THREADS) softmax_cross_entropy_mean(const SoftmaxCrossEntropyArgs args)
{
    double sum = 0;
    for (u32 row = threadIdx.x; row < args.n; row += FT_MEAN_THREADS)
        sum += args.losses[row];
    sum = block_sum<FT_MEAN_THREADS>(sum);
    if (threadIdx.x == 0)
        *args.mean = (float)(sum / args.n);
}
