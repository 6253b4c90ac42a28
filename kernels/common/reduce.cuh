// Sums over a warp or a block in a fixed order: the same inputs give the same bits. float, or double where the CPU twin sums
// in double.
#pragma once
#include "types.cuh"

// Over groups of `lanes` neighbouring lanes (a power of two); every lane gets the sum. All lanes of the warp take part.
template <typename T>
__device__ __forceinline__ T group_sum(T value, u32 lanes)
{
    for (u32 offset = lanes / 2; offset > 0; offset /= 2)
        value += __shfl_xor_sync(FT_FULL_MASK, value, (int)offset);
    return value;
}

template <typename T>
__device__ __forceinline__ T warp_sum(T value)
{
#pragma unroll
    for (int offset = FT_WARP / 2; offset > 0; offset /= 2)
        value += __shfl_xor_sync(FT_FULL_MASK, value, offset);
    return value;
}

__device__ __forceinline__ float warp_max(float value)
{
#pragma unroll
    for (int offset = FT_WARP / 2; offset > 0; offset /= 2)
        value = fmaxf(value, __shfl_xor_sync(FT_FULL_MASK, value, offset));
    return value;
}

// Over a block of THREADS (a multiple of 32, at most 1024); every thread gets the sum. Holds two barriers.
template <u32 THREADS, typename T>
__device__ __forceinline__ T block_sum(T value)
{
    __shared__ T sums[THREADS / FT_WARP];
    value = warp_sum(value);
    __syncthreads(); // the sums of an earlier call have been read
    if (threadIdx.x % FT_WARP == 0)
        sums[threadIdx.x / FT_WARP] = value;
    __syncthreads();
    T total = sums[0];
#pragma unroll
    for (u32 warp = 1; warp < THREADS / FT_WARP; warp++)
        total += sums[warp];
    return total;
}
