// The k best of a set of scored rows, by one warp. A key holds the score in its upper half, ordered as an integer, and the
// complement of the index in its lower half: of equal scores the lower index is the larger key, no two keys are equal, and so
// the k largest are one set, in whatever order they are found. CPU twin: BestMatches.
#pragma once
#include "types.cuh"

__device__ __forceinline__ u64 match_key(float score, u32 index)
{
    u32 bits = __float_as_uint(__fadd_rn(score, 0.0f)); // no -0, which would be below 0
    bits ^= (bits >> 31) != 0 ? 0xffffffffu : 0x80000000u;
    return ((u64)bits << 32) | (u32)~index;
}

__device__ __forceinline__ float match_score(u64 key)
{
    u32 bits = (u32)(key >> 32);
    return __uint_as_float((bits >> 31) != 0 ? bits ^ 0x80000000u : ~bits);
}

__device__ __forceinline__ u32 match_index(u64 key) { return ~(u32)key; }

// Keys of one query: several lists, each with room for more than it holds.
struct KeyLists
{
    const u64* keys;
    const u32* counts;
    u64 key_stride;   // from list to list
    u64 count_stride;
    u32 lists;
};

__device__ __forceinline__ u32 count_at_least(const u64* keys, u32 count, u64 bound)
{
    u32 lane = threadIdx.x % FT_WARP, found = 0;
    for (u32 first = 0; first < count; first += FT_WARP)
        found += (u32)__popc(__ballot_sync(FT_FULL_MASK, first + lane < count && keys[first + lane] >= bound));
    return found;
}

// The k-th largest key, bit by bit from the top: the largest bound that at least k keys reach, or the first that exactly k do.
__device__ __forceinline__ u64 kth_largest(const KeyLists& lists, u32 k)
{
    u64 bound = 0;
    for (int bit = 63; bit >= 0; bit--)
    {
        u64 higher = bound | (1ull << bit);
        u32 found = 0;
        for (u32 list = 0; list < lists.lists; list++)
            found += count_at_least(lists.keys + list * lists.key_stride, lists.counts[list * lists.count_stride], higher);
        if (found >= k)
            bound = higher;
        if (found == k)
            break;
    }
    return bound;
}

// Appends the keys that reach the bound to target, which may be the list itself; returns the new length.
__device__ __forceinline__ u32 append_at_least(u64* target, u32 length, const u64* keys, u32 count, u64 bound)
{
    u32 lane = threadIdx.x % FT_WARP;
    for (u32 first = 0; first < count; first += FT_WARP)
    {
        u64 key = first + lane < count ? keys[first + lane] : 0;
        bool kept = first + lane < count && key >= bound;
        u32 lanes = __ballot_sync(FT_FULL_MASK, kept);
        __syncwarp(); // a vote orders no memory: all have read what one may write over
        if (kept)
            target[length + (u32)__popc(lanes & ((1u << lane) - 1u))] = key;
        length += (u32)__popc(lanes);
    }
    __syncwarp();
    return length;
}
