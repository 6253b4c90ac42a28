// The queue of negatives as a ring (He et al., "Momentum Contrast", CVPR 2020): the unmixed unit keys of a step replace the
// oldest N rows. The position lies in device memory, so that a captured graph replays. Groups of up to 32 lanes copy a row
// each, four channels a lane. FT_QUEUE_BF16: 1 if the queue is bf16, else fp32. CPU twin: FeatureQueue.Enqueue.
#include "common/rows.cuh"

#define FT_THREADS 128 // Enqueue.Threads

// Mirrored by EnqueueArgs in C#.
struct EnqueueArgs
{
    const StepState* state;
    const float* keys; // N x C; N <= K
    const float* loss; // of the step: where it is not finite, the queue stays as it is; null: always written
    void* queue;       // K x C, fp32 or bf16
    u32 n;
    u32 k;
    u32 c;
    u32 reserved;
};

template <typename T>
__device__ __forceinline__ void enqueue(const EnqueueArgs& args)
{
    if (args.loss != nullptr && !(fabsf(*args.loss) < FT_INFINITY))
        return;
    RowGroups place = row_groups(args.c, FT_THREADS);
    u32 i = blockIdx.x * place.groups + place.group, c = args.c;
    if (i >= args.n)
        return;
    u64 row = (u64)args.state->position + i;
    const float* from = args.keys + (u64)i * c;
    T* to = (T*)args.queue + (row < args.k ? row : row - args.k) * c;
    bool from_aligned = rows_aligned(args.keys, c), to_aligned = rows_aligned((const T*)args.queue, c);
    for (u32 column = 4 * place.lane; column < c; column += 4 * place.lanes)
        store4(to, column, c, to_aligned, load4(from, column, c, from_aligned));
}

#if FT_QUEUE_BF16
extern "C" __global__ void __launch_bounds__(FT_THREADS) enqueue_bf16(const EnqueueArgs args) { enqueue<u16>(args); }
#else
extern "C" __global__ void __launch_bounds__(FT_THREADS) enqueue_fp32(const EnqueueArgs args) { enqueue<float>(args); }
#endif

// Mirrored by AdvanceStepArgs in C#.
struct AdvanceStepArgs
{
    StepState* state;
    const float* loss; // as in EnqueueArgs: the position stays where nothing was written
    u32 n;
    u32 k;
};

// One thread, behind all that reads the state of the step.
extern "C" __global__ void __launch_bounds__(1) advance_step(const AdvanceStepArgs args)
{
    if (args.loss == nullptr || fabsf(*args.loss) < FT_INFINITY)
    {
        u32 next = args.state->position + args.n; // N is at most K
        args.state->position = next < args.k ? next : next - args.k;
    }
    args.state->step++;
}
