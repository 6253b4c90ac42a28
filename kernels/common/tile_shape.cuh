// Shapes of the tensor core kernels of infonce, from the macros that specialise them:
// FT_C: channels, a multiple of 16. FT_QUEUE_BF16: 1 if the queue is bf16, else fp32. FT_SCOPE: see below.
// FT_WARPS: warps of a CTA. FT_WARP_ROWS: query rows of a warp, 16 or 32. FT_KEYS: keys of a tile, 16 or 32.
// FT_PARTIAL_TILE: 1 if K is no multiple of FT_KEYS.
// FT_EXTEND: 1 if the queue as it is follows the mixed negatives.
// FT_RUNNING_MAX: 1 where exponentials could leave the range of fp32 without it.
//
// A tile in shared memory has rows of ROW_BYTES; the 16-byte chunk c of row r lies at ((c ^ (r & 7)) << 4): the eight rows that
// a matrix load reads at one chunk are then in eight different groups of banks. Rows are padded to whole groups of 8 chunks.
#pragma once
#include "infonce.cuh"

// Scopes of lambda; SCOPE_MIXED: the negatives come mixed.
#define SCOPE_BATCH 0
#define SCOPE_ROW 1
#define SCOPE_ELEMENT 2
#define SCOPE_MIXED 3

#ifndef FT_OPERAND_BYTES
#define FT_OPERAND_BYTES 2 // of an element of q and z^ in shared memory: 2 (bf16) or 4 (tf32)
#endif

constexpr u32 THREADS = FT_WARPS * FT_WARP;
constexpr u32 ROWS = FT_WARPS * FT_WARP_ROWS; // query rows of a CTA
constexpr u32 KEYS = FT_KEYS;
constexpr u32 CHUNKS = FT_C * FT_OPERAND_BYTES / 16;    // of a row of an operand tile
constexpr u32 ROW_BYTES = (CHUNKS + 7) / 8 * 8 * 16;    // of an operand tile
constexpr u32 QUEUE_CHUNK = FT_QUEUE_BF16 ? 8 : 4;      // elements of 16 bytes of the queue
constexpr u32 QUEUE_CHUNKS = FT_C / QUEUE_CHUNK;        // of a row of the queue
constexpr u32 QUEUE_ROW_BYTES = QUEUE_CHUNKS * 16;

// The key tiles as a kernel meets them; without FT_EXTEND all are of one kind.
struct PassTiles : KeyTiles
{
    __device__ __forceinline__ explicit PassTiles(const InfoNceArgs& args)
        : KeyTiles(key_tiles(args.state, args.k, args.mix, FT_EXTEND, KEYS))
    {
    }

    // The first key of a tile, in the queue.
    __device__ __forceinline__ u32 key_of(u32 tile) const { return (FT_EXTEND && tile >= of_queue ? tile - of_queue : tile) * KEYS; }

    __device__ __forceinline__ bool is_mixed(u32 tile) const { return FT_EXTEND ? tile < mixed : mixed > 0; }
};

// Where chunk c of row r of an operand tile lies.
__device__ __forceinline__ u32 tile_byte(u32 r, u32 c) { return r * ROW_BYTES + ((c ^ (r & 7u)) << 4); }

// Where the elements of chunk c of row r of the queue lie in an operand tile.
__device__ __forceinline__ u32 queue_chunk_byte(u32 r, u32 c)
{
    constexpr u32 BYTES = QUEUE_CHUNK * FT_OPERAND_BYTES; // 8 or 16
    return BYTES == 16 ? tile_byte(r, c) : tile_byte(r, c / 2) + c % 2 * BYTES;
}

// The elements of one chunk of the queue into an operand tile.
__device__ __forceinline__ void store_chunk(u8* place, const float (&z)[QUEUE_CHUNK])
{
    if (FT_OPERAND_BYTES == 4)
    {
        *(float4*)place = make_float4(z[0], z[1], z[2], z[3]);
    }
    else if (QUEUE_CHUNK == 4)
    {
        *(uint2*)place = make_uint2(bf16x2_of(z[0], z[1]), bf16x2_of(z[2], z[3]));
    }
    else
    {
        constexpr u32 SECOND = 4 % QUEUE_CHUNK; // what the other cases compile of this branch stays within z
        *(uint4*)place = make_uint4(
            bf16x2_of(z[0], z[1]), bf16x2_of(z[2], z[3]), bf16x2_of(z[SECOND], z[SECOND + 1]), bf16x2_of(z[SECOND + 2], z[SECOND + 3]));
    }
}

// The same value from a register that the compiler cannot compute again: else it recomputes addresses in the main loop.
__device__ __forceinline__ u32 keep_in_register(u32 x) { return __shfl_sync(FT_FULL_MASK, x, threadIdx.x % FT_WARP); }

__device__ __forceinline__ u64 keep_in_register(u64 x)
{
    return (u64)keep_in_register((u32)(x >> 32)) << 32 | keep_in_register((u32)x);
}
