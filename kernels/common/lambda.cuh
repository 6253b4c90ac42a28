// lambda of the transformations, and the mix itself (Zhu et al., ICCV 2021, section 4).
#pragma once
#include "beta.cuh"
#include "philox.cuh"

// What shares one lambda; the values of LambdaScope in FeatureTransformOptions.cs.
enum LambdaScope
{
    SCOPE_BATCH = 0,
    SCOPE_ROW = 1,
    SCOPE_ELEMENT = 2,
};

// One stream of Beta(a, a) draws.
struct LambdaStream
{
    const float4* table;
    u32 row_bits; // of the table
    u64 seed;
    u32 step;
    u32 use; // RandomUse
    u32 rank;
};

// The lambda that all channels of a row share; scope: SCOPE_BATCH or SCOPE_ROW.
__device__ __forceinline__ float row_lambda(const LambdaStream& s, u32 scope, u32 row)
{
    uint4 block = philox_block(s.seed, s.step, s.use, s.rank, scope == SCOPE_ROW ? row : 0u);
    return beta_draw(s.table, s.row_bits, block.x);
}

// Elements element .. element + 3 of the stream, each with a lambda of its own.
__device__ __forceinline__ float4 element_lambdas(const LambdaStream& s, u64 element)
{
    uint4 a = philox_block(s.seed, s.step, s.use, s.rank, element >> 2);
    if (element & 3)
    {
        uint4 b = philox_block(s.seed, s.step, s.use, s.rank, (element >> 2) + 1);
        if (element & 1)
        {
            a = make_uint4(a.y, a.z, a.w, b.x);
            b = make_uint4(b.y, b.z, 0u, 0u);
        }
        if (element & 2)
            a = make_uint4(a.z, a.w, b.x, b.y);
    }
    return make_float4(beta_draw(s.table, s.row_bits, a.x), beta_draw(s.table, s.row_bits, a.y),
        beta_draw(s.table, s.row_bits, a.z), beta_draw(s.table, s.row_bits, a.w));
}

// lambda a + (1 - lambda) b, rounded as on the CPU.
__device__ __forceinline__ float mix(float lambda, float a, float b)
{
    return __fmaf_rn(lambda, a, __fmul_rn(__fsub_rn(1.0f, lambda), b));
}

__device__ __forceinline__ float4 mix(float4 lambda, float4 a, float4 b)
{
    return make_float4(mix(lambda.x, a.x, b.x), mix(lambda.y, a.y, b.y), mix(lambda.z, a.z, b.z), mix(lambda.w, a.w, b.w));
}
