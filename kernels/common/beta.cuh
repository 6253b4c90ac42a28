// Draws from Beta(a, a) by inversion of one random word: a table of cubics of the quantile function, built on the host in
// double (Random/BetaQuantile.cs). No branch, no transcendental function; the same bits as the CPU twin.
#pragma once
#include "types.cuh"

// Rows of the table: 33 octaves.
__device__ __forceinline__ u32 beta_rows(u32 row_bits) { return 33u << row_bits; }

// table: rows x 4 coefficients, constant term first; row_bits: log2 of the rows in an octave (4, or 5 for a < 0.3).
__device__ __forceinline__ float beta_draw(const float4* __restrict__ table, u32 row_bits, u32 word)
{
    // Multiplication and addition stay apart, as on the CPU: a contraction would change the last bit.
    float f = fminf(__fmul_rn(__fadd_rn((float)(word & 0x7fffffffu), 0.5f), 2.3283064365386963e-10f), 0.49999997f);
    u32 bits = __float_as_uint(f), shift = 23u - row_bits;
    float t = __fmul_rn((float)(bits & ((1u << shift) - 1u)), __uint_as_float((127u - shift) << 23));
    float4 row = table[(bits >> shift) - (94u << row_bits)];
    float x = __fmaf_rn(__fmaf_rn(__fmaf_rn(row.w, t, row.z), t, row.y), t, row.x);
    return (word >> 31) ? __fsub_rn(1.0f, x) : x;
}
