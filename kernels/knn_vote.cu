// Joins what knn_search found in the parts of the bank: the k best of each query in order, and their weighted vote. Votes are
// summed in double in the order of the neighbours, as on the CPU. One block a query. See knn.cu.
#include "common/top_k.cuh"

#define FT_THREADS 256 // Knn.VoteThreads

// Mirrored by KnnVoteArgs in C#.
struct KnnVoteArgs
{
    const u64* keys;     // parts x N x capacity
    const u32* counts;   // parts x N
    u64* best;           // N x k, scratch
    i32* indices;        // N x k, the nearest first
    float* similarities; // N x k
    const i32* labels;   // M; null: no vote
    double* votes;       // N x classes
    u32 n;
    u32 k;
    u32 capacity;
    u32 parts;
    u32 classes;
    float temperature;
};

__device__ __forceinline__ void vote(const KnnVoteArgs& args, const i32* indices, const float* similarities, double* votes)
{
    __shared__ i32 labels[FT_THREADS];
    __shared__ double weights[FT_THREADS];
    for (u32 c = threadIdx.x; c < args.classes; c += FT_THREADS)
        votes[c] = 0;
    for (u32 first = 0; first < args.k; first += FT_THREADS)
    {
        u32 neighbor = first + threadIdx.x, count = min(args.k - first, (u32)FT_THREADS);
        __syncthreads();
        if (neighbor < args.k)
        {
            labels[threadIdx.x] = indices[neighbor] < 0 ? -1 : args.labels[indices[neighbor]];
            weights[threadIdx.x] = exp(((double)similarities[neighbor] - similarities[0]) / args.temperature);
        }
        __syncthreads();
        for (u32 c = threadIdx.x; c < args.classes; c += FT_THREADS)
        {
            double sum = votes[c];
            for (u32 i = 0; i < count; i++)
            {
                if (labels[i] == (i32)c)
                    sum += weights[i];
            }
            votes[c] = sum;
        }
    }
}

extern "C" __global__ void __launch_bounds__(FT_THREADS) knn_vote(const KnnVoteArgs args)
{
    u32 query = blockIdx.x;
    u64* best = args.best + (u64)query * args.k;
    i32* indices = args.indices + (u64)query * args.k;
    float* similarities = args.similarities + (u64)query * args.k;
    if (threadIdx.x < FT_WARP)
    {
        const u64* keys = args.keys + (u64)query * args.capacity;
        const u32* counts = args.counts + query;
        u64 stride = (u64)args.n * args.capacity;
        u64 bound = kth_largest(KeyLists{keys, counts, stride, args.n, args.parts}, args.k);
        u32 length = 0;
        for (u32 part = 0; part < args.parts; part++)
            length = append_at_least(best, length, keys + part * stride, counts[(u64)part * args.n], bound);
        for (u32 i = length + threadIdx.x; i < args.k; i += FT_WARP)
            best[i] = 0; // features that are not finite have fewer neighbours: index -1, similarity NaN, no vote
    }
    __syncthreads();

    // A key's place in the order is the number of larger keys.
    for (u32 i = threadIdx.x; i < args.k; i += FT_THREADS)
    {
        u64 key = best[i];
        u32 place = 0;
        for (u32 j = 0; j < args.k; j++)
            place += best[j] > key || (best[j] == key && j < i) ? 1 : 0;
        indices[place] = (i32)match_index(key);
        similarities[place] = match_score(key);
    }
    if (args.labels != nullptr)
        vote(args, indices, similarities, args.votes + (u64)query * args.classes);
}
