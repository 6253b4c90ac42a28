// Rows of fp32 or bf16 in global memory, four elements at a time: one access where they are aligned, single elements at the end of a
// row or where they are not.
#pragma once
#include "quad_tail.cuh"

// Whether four elements at columns that are multiples of 4 can be one access in every row.
template <typename T>
__device__ __forceinline__ bool rows_aligned(const T* rows, u64 stride)
{
    return (((u64)rows | stride * sizeof(T)) & (4 * sizeof(T) - 1)) == 0;
}

__device__ __forceinline__ float widen(float value) { return value; }

__device__ __forceinline__ float widen(u16 bits) { return float_of(bits); }

__device__ __forceinline__ void narrow(float value, float& target) { target = value; }

__device__ __forceinline__ void narrow(float value, u16& target) { target = bf16_of(value); }

__device__ __forceinline__ float4 load_aligned4(const float* from) { return *(const float4*)from; }

__device__ __forceinline__ float4 load_aligned4(const u16* from)
{
    uint2 bits = *(const uint2*)from;
    return make_float4(__uint_as_float(bits.x << 16), __uint_as_float(bits.x & 0xffff0000u), __uint_as_float(bits.y << 16),
        __uint_as_float(bits.y & 0xffff0000u));
}

__device__ __forceinline__ void store_aligned4(float* to, float4 x) { *(float4*)to = x; }

__device__ __forceinline__ void store_aligned4(u16* to, float4 x)
{
    *(uint2*)to = make_uint2(bf16x2_of(x.x, x.y), bf16x2_of(x.z, x.w));
}

// Columns column .. column + 3 of a row of `columns` elements; zero beyond its end.
template <typename T>
__device__ __forceinline__ float4 load4(const T* row, u32 column, u32 columns, bool aligned)
{
    if (aligned && column + 4 <= columns)
        return load_aligned4(row + column);
    return load_tail4(row + column, column < columns ? columns - column : 0u);
}

template <typename T>
__device__ __forceinline__ void store4(T* row, u32 column, u32 columns, bool aligned, float4 x)
{
    if (aligned && column + 4 <= columns)
        store_aligned4(row + column, x);
    else
        store_tail4(row + column, column < columns ? columns - column : 0u, x);
}

__device__ __forceinline__ float4 sum(float4 a, float4 b)
{
    return make_float4(__fadd_rn(a.x, b.x), __fadd_rn(a.y, b.y), __fadd_rn(a.z, b.z), __fadd_rn(a.w, b.w));
}

__device__ __forceinline__ float4 scaled(float4 x, float scale)
{
    return make_float4(__fmul_rn(x.x, scale), __fmul_rn(x.y, scale), __fmul_rn(x.z, scale), __fmul_rn(x.w, scale));
}

// scale x + sum
__device__ __forceinline__ float4 add_scaled(float4 x, float scale, float4 sum)
{
    return make_float4(__fmaf_rn(scale, x.x, sum.x), __fmaf_rn(scale, x.y, sum.y), __fmaf_rn(scale, x.z, sum.z),
        __fmaf_rn(scale, x.w, sum.w));
}

// a . b + sum
__device__ __forceinline__ float dot(float4 a, float4 b, float sum)
{
    return __fmaf_rn(a.x, b.x, __fmaf_rn(a.y, b.y, __fmaf_rn(a.z, b.z, __fmaf_rn(a.w, b.w, sum))));
}

// In double: the reciprocal of a large norm is no normal float.
__device__ __forceinline__ float4 scaled(float4 x, double scale)
{
    return make_float4((float)(x.x * scale), (float)(x.y * scale), (float)(x.z * scale), (float)(x.w * scale));
}

// sum + |x|^2 in double: no float overflows it.
__device__ __forceinline__ double add_squares(double sum, float4 x)
{
    sum = fma((double)x.x, (double)x.x, sum);
    sum = fma((double)x.y, (double)x.y, sum);
    sum = fma((double)x.z, (double)x.z, sum);
    return fma((double)x.w, (double)x.w, sum);
}

// 1 / max(norm, 1e-12); NaN stays NaN.
__device__ __forceinline__ double inverse_norm(double norm) { return 1.0 / (norm < 1e-12 ? 1e-12 : norm); }

// How the threads of a block share rows, four columns a thread: groups of a power of two of at most 32 lanes take a row each.
struct RowGroups
{
    u32 lanes;  // of a group
    u32 lane;   // this thread's place in its group
    u32 group;  // its group
    u32 groups; // of the block
};

__device__ __forceinline__ RowGroups row_groups(u32 columns, u32 threads)
{
    u32 quads = (columns + 3) / 4, lanes = FT_WARP, shift = 5;
    while (shift > 0 && lanes / 2 >= quads)
    {
        lanes /= 2;
        shift--;
    }
    return RowGroups{lanes, threadIdx.x & (lanes - 1), threadIdx.x >> shift, threads >> shift};
}
