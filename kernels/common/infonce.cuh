// What the infonce kernels and infonce_finish share: arguments, how the work is cut, and the layout of partial results.
//
// The work is a list of pairs (query tile, key tile), key tiles running fastest. Every CTA takes one contiguous range of it
// (stream-K), so that any N fills the device. A CTA meets at most a few query tiles; for each it writes one partial result
// into slot (CTA + query tile), which no other pair of the two has. infonce_finish adds the slots of a query tile in order.
#pragma once
#include "types.cuh"

#define SCOPE_MIXED 3 // beside the values of LambdaScope: the negatives come mixed

// Mirrored by InfoNceArgs in C#.
struct InfoNceArgs
{
    const StepState* state;
    const void* queries;   // N x C: infonce_bf16: q^ log2(e) / tau in bf16; infonce_tf32, infonce_fp32: q^ in fp32
    const float* positive; // N: p_i = q^_i . k^_i
    const void* queue;     // K x C, fp32 or bf16: unit rows
    const void* mixed;     // K x C: mixed negatives where they are not made in the pass, else unused
    const float4* table;   // quantiles of Beta(a, a)
    float* partials;       // slots, see partial_slot
    u32* finished;         // blocks of infonce_finish that are done: set to 0 here
    u64 seed;
    u32 n;
    u32 k;
    u32 c;
    u32 rank;     // of this process, part of every random counter
    u32 row_bits; // of the table
    u32 mix;      // 0: the queue is used as it is
    u32 extend;   // 1: the queue as it is follows the mixed negatives (2K negatives); tensor core kernels know it by FT_EXTEND
    float scale;  // log2(e) / tau
};

// Arrays of one float a row behind the sums of a slot.
enum PartialArray
{
    PARTIAL_SCORE,  // sum_j u, u = s log2(e) / tau
    PARTIAL_SQUARE, // sum_j u^2
    PARTIAL_EXP,    // sum_j 2^(u - shift)
    PARTIAL_RANK,   // #{s > p}, the bits of an integer
    PARTIAL_SHIFT,  // power of two taken out of the exponentials, also in the sums of P z^
    PARTIAL_ARRAYS,
};

// From one row of sums to the next: C in whole quads, which can be stored and loaded as such.
__device__ __forceinline__ u32 partial_stride(u32 c) { return (c + 3) / 4 * 4; }

__device__ __forceinline__ u64 partial_floats(u32 rows, u32 c) { return (u64)rows * (partial_stride(c) + PARTIAL_ARRAYS); }

// The key tiles: those of mixed negatives first, then those of the queue as it is.
struct KeyTiles
{
    u32 of_queue; // tiles of K keys
    u32 mixed;    // tiles of mixed negatives: of_queue or 0
    u32 all;      // of_queue or twice that
};

__device__ __forceinline__ KeyTiles key_tiles(const StepState* state, u32 k, u32 mix, u32 extend, u32 keys)
{
    u32 tiles = (k + keys - 1) / keys;
    bool mixing = mix != 0 && state->transform != 0;
    return KeyTiles{tiles, mixing ? tiles : 0u, mixing && extend != 0 ? 2u * tiles : tiles};
}

// The first pair of a CTA's range: each has pairs / ctas of them, the first pairs % ctas have one more.
__device__ __forceinline__ u32 first_pair(u32 pairs, u32 cta, u32 ctas) { return pairs / ctas * cta + min(cta, pairs % ctas); }

// The range of a CTA, one query tile after the other; in shared memory.
struct KeyPart
{
    u32 pair, end; // left of the range; InfoNcePlan keeps the number of pairs within 32 bits
    u32 tiles;     // key tiles of a query tile
    u32 cta;
    u32 query;     // the query tile
    u32 slot;      // where the partial result belongs
    u32 first;     // key tiles of this part
    u32 count;

    // To be followed by next.
    __device__ __forceinline__ void start(const InfoNceArgs& args, u32 rows, const KeyTiles& key_tiles)
    {
        if (threadIdx.x == 0)
        {
            tiles = key_tiles.all;
            cta = blockIdx.x;
            u32 pairs = (args.n + rows - 1) / rows * tiles;
            pair = first_pair(pairs, blockIdx.x, gridDim.x);
            end = first_pair(pairs, blockIdx.x + 1, gridDim.x);
            if (blockIdx.x == 0)
            {
                *args.finished = 0;
            }
        }
    }

    // Goes to the next part, if there is one. A barrier for the CTA: what the last part left may be overwritten.
    __device__ __forceinline__ bool next()
    {
        __syncthreads();
        if (threadIdx.x == 0)
        {
            query = pair / tiles;
            slot = cta + query;
            first = pair % tiles;
            count = min(end - pair, tiles - first);
            pair += count;
        }

        __syncthreads();
        return count > 0;
    }
};
