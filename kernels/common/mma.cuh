// Tensor core products and their operands (sm_80), and the approximate exponential. Lane l, g = l / 4, t = l % 4.
// All are executed by a whole warp.
#pragma once
#include "types.cuh"

// Four 8 x 8 matrices of 16-bit elements; lanes 8 m to 8 m + 7 give the addresses of the rows of matrix m.
// Register m: elements (g, 2t) and (g, 2t + 1) of matrix m.
__device__ __forceinline__ void load_matrices(u32 (&d)[4], u32 row_address)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
                 : "r"(row_address));
}

// The same, transposed: elements (2t, g) and (2t + 1, g) of matrix m.
__device__ __forceinline__ void load_matrices_transposed(u32 (&d)[4], u32 row_address)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3])
                 : "r"(row_address));
}

// d += a b, m16n8k16, bf16 operands, fp32 sums. a: (g, 2t..), (g + 8, 2t..), (g, 2t + 8..), (g + 8, 2t + 8..);
// b0: (k = 2t.., n = g), b1: (k = 2t + 8..); d: (g, 2t), (g, 2t + 1), (g + 8, 2t), (g + 8, 2t + 1).
__device__ __forceinline__ void multiply_bf16(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1)
{
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// d += a b, m16n8k8, tf32 operands. a: (g, t), (g + 8, t), (g, t + 4), (g + 8, t + 4); b0: (k = t, n = g), b1: (k = t + 4).
__device__ __forceinline__ void multiply_tf32(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1)
{
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Rounded to the 10 mantissa bits of TF32, ties away from zero.
__device__ __forceinline__ u32 tf32_of(float x)
{
    u32 bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
    return bits;
}

// 2^x to 2 ulp; results below 2^-126 are 0.
__device__ __forceinline__ float exp2_approx(float x)
{
    float power;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x));
    return power;
}

// The bits of 1.0f where a > b, else 0: one instruction, where a count would take two. The bits of n ones add up to
// n 127 2^23; ones_of finds n below 512 in a sum of them that has overflowed, as 127 is odd.
__device__ __forceinline__ u32 one_if_greater(float a, float b)
{
    float one;
    asm("set.gt.f32.f32 %0, %1, %2;" : "=f"(one) : "f"(a), "f"(b));
    return __float_as_uint(one);
}

__device__ __forceinline__ u32 ones_of(u32 sum) { return (sum >> 23) * 383u & 511u; }
