// A random permutation of 0..K-1 as a function: VariPhilox, 24 rounds, cycle walking for K that is no power of two
// (Mitchell, Stokes, Frank, Holmes, ACM TOPC 2022). CPU twin: Random/Permutation.cs, the same values.
#pragma once
#include "philox.cuh"

#define FT_PERMUTATION_ROUNDS 24

// keys: elements 0..23 of USE_PERMUTATION_KEYS. bits: max(4, ceil(log2 K)). UNROLL: rounds that the code repeats;
// fewer compile sooner.
template <u32 UNROLL>
__device__ __forceinline__ u32 permutation_cipher(const u32* keys, u32 bits, u32 value)
{
    u32 left_bits = bits / 2, right_bits = bits - left_bits, extra = right_bits - left_bits; // extra is 0 or 1
    u32 left_mask = (1u << left_bits) - 1u, right_mask = (1u << right_bits) - 1u;
    u32 left = value >> right_bits, right = value & right_mask;
#pragma unroll(UNROLL)
    for (int i = 0; i < FT_PERMUTATION_ROUNDS; i++)
    {
        u32 high = __umulhi(0xD2511F53u, left), low = 0xD2511F53u * left;
        low = (low << extra) | ((right >> left_bits) & extra);
        left = (high ^ keys[i] ^ right) & left_mask;
        right = low & right_mask;
    }
    return (left << right_bits) | right;
}

__device__ __forceinline__ u32 permutation_bits(u32 count)
{
    u32 bits = count <= 1u ? 0u : 32u - (u32)__clz((int)(count - 1u));
    return bits < 4u ? 4u : bits;
}

// pi(value): the cipher permutes a power of two; its cycle is followed until it comes back below count.
template <u32 UNROLL = FT_PERMUTATION_ROUNDS>
__device__ __forceinline__ u32 permute(const u32* keys, u32 bits, u32 count, u32 value)
{
    do
    {
        value = permutation_cipher<UNROLL>(keys, bits, value);
    } while (value >= count);
    return value;
}
