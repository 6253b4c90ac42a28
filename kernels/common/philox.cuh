// Philox4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011): a random number is a pure function of (seed, step, use, rank, index).
// CPU twin: Random/Philox.cs, the same bits.
#pragma once
#include "types.cuh"

// What a random number is for; the values of RandomUse in Philox.cs.
enum RandomUse
{
    USE_POSITIVE_LAMBDA = 0,
    USE_NEGATIVE_LAMBDA = 1,
    USE_PERMUTATION_KEYS = 2,
    USE_INITIALIZATION = 3,
    USE_AUGMENTATION = 4,
};

__device__ __forceinline__ uint4 philox(uint4 c, u32 k0, u32 k1)
{
#pragma unroll
    for (int round = 0; round < 10; round++)
    {
        u32 high0 = __umulhi(0xD2511F53u, c.x), low0 = 0xD2511F53u * c.x;
        u32 high1 = __umulhi(0xCD9E8D57u, c.z), low1 = 0xCD9E8D57u * c.z;
        c = make_uint4(high1 ^ c.y ^ k0, low1, high0 ^ c.w ^ k1, low0);
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return c;
}

// The block of elements 4 index .. 4 index + 3.
__device__ __forceinline__ uint4 philox_block(u64 seed, u32 step, u32 use, u32 rank, u64 index)
{
    return philox(make_uint4((u32)index, (u32)(index >> 32), step, use | (rank << 8)), (u32)seed, (u32)(seed >> 32));
}

// Word e & 3 of the block of element e.
__device__ __forceinline__ u32 philox_element(u64 seed, u32 step, u32 use, u32 rank, u64 element)
{
    uint4 block = philox_block(seed, step, use, rank, element >> 2);
    u32 odd = (element & 1) ? block.y : block.x, odd_high = (element & 1) ? block.w : block.z;
    return (element & 2) ? odd_high : odd;
}
