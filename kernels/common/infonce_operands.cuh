// What depends on the type of the operands in the tensor core kernels of infonce, bf16 or tf32: how queries come into shared
// memory, and both products. A block is 16 rows of a tile by two chunks: one step of m16n8k16 (bf16) or m16n8k8 (tf32).
#pragma once
#include "async_copy.cuh"
#include "mma.cuh"
#include "tile_shape.cuh"

constexpr u32 SCORE_STEPS = CHUNKS / 2; // blocks along a row

// The place of block i, given that of the first. Bit 3 of a chunk's number does not take part in the swizzle.
__device__ __forceinline__ u32 block(u32 place, u32 i) { return (place ^ (i % 4 * 32)) + i / 4 * 128; }

#if FT_OPERAND_BYTES == 2

// Starts the copies of a query tile, q^ log2(e) / tau in bf16; rows behind the last are zeros.
__device__ __forceinline__ void fetch_queries(const InfoNceArgs& args, u32 first_row, u8* tile)
{
    const u8* queries = (const u8*)args.queries;
#pragma unroll 2
    for (u32 i = threadIdx.x; i < ROWS * CHUNKS; i += THREADS)
    {
        u32 r = i / CHUNKS, c = i % CHUNKS, row = first_row + r;
        copy_async16(shared_address(tile + tile_byte(r, c)), queries + (u64)row * (FT_C * 2) + c * 16, row < args.n);
    }
}

__device__ __forceinline__ void multiply_operands(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1)
{
    multiply_bf16(d, a, b0, b1);
}

// The lane's place in a key tile as right operand of O = P Z^.
struct ProductPlaces
{
    u32 keys = keep_in_register(tile_byte(threadIdx.x % 16, threadIdx.x % FT_WARP / 16));
};

// O += P Z^. As scores lie in a lane they are, rounded to bf16, the left operand.
template <u32 M, u32 KEY_BLOCKS>
__device__ __forceinline__ void add_products(
    u32 tile, const ProductPlaces& places, const float (&p)[M][KEY_BLOCKS][4], float (&sums)[M][FT_C / 8][4])
{
#pragma unroll
    for (u32 k = 0; k < KEY_BLOCKS; k += 2)
    {
        u32 a[M][4];
#pragma unroll
        for (u32 m = 0; m < M; m++)
        {
            const float(&left)[4] = p[m][k], (&right)[4] = p[m][k + 1];
            a[m][0] = bf16x2_of(left[0], left[1]);
            a[m][1] = bf16x2_of(left[2], left[3]);
            a[m][2] = bf16x2_of(right[0], right[1]);
            a[m][3] = bf16x2_of(right[2], right[3]);
        }

#pragma unroll
        for (u32 i = 0; i < SCORE_STEPS; i++)
        {
            u32 b[4]; // channels 0-7 of keys 0-7 and 8-15, then channels 8-15
            load_matrices_transposed(b, tile + block(places.keys, i) + k * (8 * ROW_BYTES));
#pragma unroll
            for (u32 m = 0; m < M; m++)
            {
                multiply_bf16(sums[m][2 * i], a[m], b[0], b[1]);
                multiply_bf16(sums[m][2 * i + 1], a[m], b[2], b[3]);
            }
        }
    }
}

#else

// A query tile, q^ log2(e) / tau rounded to tf32; rows behind the last are zeros.
__device__ __forceinline__ void fetch_queries(const InfoNceArgs& args, u32 first_row, u8* tile)
{
    const float4* queries = (const float4*)args.queries;
    for (u32 i = threadIdx.x; i < ROWS * CHUNKS; i += THREADS)
    {
        u32 r = i / CHUNKS, c = i % CHUNKS, row = first_row + r;
        float4 q = row < args.n ? queries[(u64)row * CHUNKS + c] : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
        *(uint4*)(tile + tile_byte(r, c)) = make_uint4(
            tf32_of(q.x * args.scale), tf32_of(q.y * args.scale), tf32_of(q.z * args.scale), tf32_of(q.w * args.scale));
    }
}

__device__ __forceinline__ void multiply_operands(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1)
{
    multiply_tf32(d, a, b0, b1);
}

// The lane's places in a key tile as right operand of O = P Z^: channel g of keys 2t and 2t + 1.
struct ProductPlaces
{
    u32 even = keep_in_register(tile_byte(threadIdx.x % 4 * 2, threadIdx.x % FT_WARP / 16) + threadIdx.x / 4 % 4 * 4);
};

__device__ __forceinline__ u32 load_shared(u32 address)
{
    u32 bits;
    asm volatile("ld.shared.u32 %0, [%1];" : "=r"(bits) : "r"(address));
    return bits;
}

// O += P Z^. The sum does not care which keys stand for which k: with keys 2t and 2t + 1 for t and t + 4, scores as they lie in
// a lane are the left operand.
template <u32 M, u32 KEY_BLOCKS>
__device__ __forceinline__ void add_products(
    u32 tile, const ProductPlaces& places, const float (&p)[M][KEY_BLOCKS][4], float (&sums)[M][FT_C / 8][4])
{
#pragma unroll
    for (u32 k = 0; k < KEY_BLOCKS; k++)
    {
        u32 a[M][4];
#pragma unroll
        for (u32 m = 0; m < M; m++)
        {
            a[m][0] = tf32_of(p[m][k][0]);
            a[m][1] = tf32_of(p[m][k][2]);
            a[m][2] = tf32_of(p[m][k][1]);
            a[m][3] = tf32_of(p[m][k][3]);
        }

#pragma unroll
        for (u32 i = 0; i < FT_C / 8; i++)
        {
            // 8 channels are two chunks; the odd key is the next row, with the other chunk of a pair.
            u32 even = block(places.even, i) + k * (8 * ROW_BYTES);
            u32 odd = block(places.even ^ 16, i) + (k * 8 + 1) * ROW_BYTES;
            u32 b0 = load_shared(tile + even), b1 = load_shared(tile + odd);
#pragma unroll
            for (u32 m = 0; m < M; m++)
            {
                multiply_tf32(sums[m][i], a[m], b0, b1);
            }
        }
    }
}

#endif

// The scores of a warp. query and key: the lane's places in the first blocks of its query rows and of the key tile. They are
// swizzled before the tiles' addresses are added, which are only aligned to 16 bytes.
template <u32 M, u32 KEY_BLOCKS>
__device__ __forceinline__ void make_scores(u32 queries, u32 query, u32 tile, u32 key, float (&s)[M][KEY_BLOCKS][4])
{
#pragma unroll
    for (u32 m = 0; m < M; m++)
    {
#pragma unroll
        for (u32 i = 0; i < 4 * KEY_BLOCKS; i++)
        {
            s[m][i / 4][i % 4] = 0.0f;
        }
    }

#pragma unroll
    for (u32 i = 0; i < SCORE_STEPS; i++)
    {
        u32 a[M][4];
#pragma unroll
        for (u32 m = 0; m < M; m++)
        {
            load_matrices(a[m], queries + block(query, i) + m * (16 * ROW_BYTES));
        }

#pragma unroll
        for (u32 n = 0; n < KEY_BLOCKS; n += 2)
        {
            u32 b[4]; // both chunks of keys 0-7, then of keys 8-15
            load_matrices(b, tile + block(key, i) + n * (8 * ROW_BYTES));
#pragma unroll
            for (u32 m = 0; m < M; m++)
            {
                multiply_operands(s[m][n], a[m], b[0], b[1]);
                multiply_operands(s[m][n + 1], a[m], b[2], b[3]);
            }
        }
    }
}
