// Compiles the random numbers of the kernels as C++ for the host, from the same text.
#include <cmath>
#include <cstdlib>
#include <cstring>

#define __device__
#define __forceinline__ inline
#define __restrict__ __restrict
#define asm(...) abort() // inline PTX, which nothing here calls

struct uint4
{
    unsigned x, y, z, w;
};

struct float4
{
    float x, y, z, w;
};

static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

static inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)(((unsigned long long)a * b) >> 32); }

static inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz((unsigned)x); }

static inline unsigned __float_as_uint(float x)
{
    unsigned bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float __uint_as_float(unsigned bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline float __fmul_rn(float a, float b) { return a * b; }

static inline float __fadd_rn(float a, float b) { return a + b; }

static inline float __fsub_rn(float a, float b) { return a - b; }

static inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }

using std::fminf;

#include "common/beta.cuh"
#include "common/permutation.cuh"

extern "C" void philox_elements(u64 seed, u32 step, u32 use, u32 rank, u64 first, u32 count, u32* words)
{
    for (u32 i = 0; i < count; i++)
        words[i] = philox_element(seed, step, use, rank, first + i);
}

extern "C" void beta_draws(const float4* table, u32 row_bits, const u32* words, u32 count, float* draws)
{
    for (u32 i = 0; i < count; i++)
        draws[i] = beta_draw(table, row_bits, words[i]);
}

extern "C" u32 beta_table_rows(u32 row_bits) { return beta_rows(row_bits); }

extern "C" void permutation(u64 seed, u32 step, u32 rank, u32 count, u32* values)
{
    u32 keys[FT_PERMUTATION_ROUNDS];
    for (u32 i = 0; i < FT_PERMUTATION_ROUNDS; i++)
        keys[i] = philox_element(seed, step, USE_PERMUTATION_KEYS, rank, i);
    for (u32 i = 0; i < count; i++)
        values[i] = permute(keys, permutation_bits(count), count, i);
}
