// Batch normalisation by the running statistics, with what follows it, in place:
// x = relu((x - mean) / sqrt(variance + epsilon) * weight + bias + shortcut), in fp32. cuDNN's own operation has no engine for
// inference. Four channels of a row a thread, which derives their scale itself: the vectors stay in the caches.
// CPU twin: CpuDevice.BatchNormInference.
#include "common/rows.cuh"

#define FT_THREADS 256 // NormInference.Threads

// Mirrored by NormInferenceArgs in C#.
struct NormInferenceArgs
{
    void* x;               // rows x c, fp32 or bf16
    const void* shortcut;  // rows x c, the same type; null: none
    const float* weight;   // c
    const float* bias;     // c
    const float* mean;     // c
    const float* variance; // c
    u64 rows;
    u32 c;
    u32 relu; // 0: none
    float epsilon;
    u32 reserved;
};

__device__ __forceinline__ float normalized(const NormInferenceArgs& args, u32 column, float x)
{
    if (column >= args.c)
        return 0.0f;
    float scale = args.weight[column] / sqrtf(args.variance[column] + args.epsilon);
    return fmaf(x - args.mean[column], scale, args.bias[column]);
}

template <typename T>
__device__ __forceinline__ void norm_inference(const NormInferenceArgs& args)
{
    u32 quads = (args.c + 3) / 4, quad = blockIdx.x * FT_THREADS + threadIdx.x, column = 4 * (quad % quads);
    u64 row = quad / quads;
    if (row >= args.rows)
        return;
    T* x = (T*)args.x + row * args.c;
    bool aligned = rows_aligned((const T*)args.x, args.c);
    float4 y = load4(x, column, args.c, aligned);
    y = make_float4(normalized(args, column, y.x), normalized(args, column + 1, y.y), normalized(args, column + 2, y.z),
        normalized(args, column + 3, y.w));
    if (args.shortcut != nullptr)
    {
        const T* shortcut = (const T*)args.shortcut;
        float4 added = load4(shortcut + row * args.c, column, args.c, rows_aligned(shortcut, args.c));
        y = make_float4(y.x + added.x, y.y + added.y, y.z + added.z, y.w + added.w);
    }
    if (args.relu)
        y = make_float4(y.x > 0.0f ? y.x : 0.0f, y.y > 0.0f ? y.y : 0.0f, y.z > 0.0f ? y.z : 0.0f, y.w > 0.0f ? y.w : 0.0f);
    store4(x, column, args.c, aligned, y);
}

extern "C" __global__ void __launch_bounds__(FT_THREADS) norm_inference_fp32(const NormInferenceArgs args)
{
    norm_inference<float>(args);
}

extern "C" __global__ void __launch_bounds__(FT_THREADS) norm_inference_bf16(const NormInferenceArgs args)
{
    norm_inference<u16>(args);
}
