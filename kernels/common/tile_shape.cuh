// Shapes of the tensor core kernels of infonce, from the macros that specialise them:
// FT_OPERAND_BYTES: of an element of q and z^ in shared memory, 2 (bf16) or 4 (tf32), set by the kernel.
// FT_C: channels, a multiple of 16. FT_QUEUE_BF16: 1 if the queue is bf16, else fp32. FT_SCOPE: a LambdaScope, or SCOPE_MIXED.
// FT_WARPS: warps of a CTA. FT_WARP_ROWS: query rows of a warp, 16 or 32. FT_KEYS: keys of a tile, 16 or 32.
// FT_PARTIAL_TILE: 1 if K is no multiple of FT_KEYS.
// FT_EXTEND: 1 if the queue as it is follows the mixed negatives.
// FT_SHARED_BYTES: dynamic shared memory that the launcher gives, but for the table of element scope; optional, only checked.
// FT_RUNNING_MAX: 1 where exponentials could leave the range of fp32 without it.
//
// A tile in shared memory has rows of ROW_BYTES; the 16-byte chunk c of row r lies at ((c ^ (r & 7)) << 4): the eight rows that
// a matrix load reads at one chunk are then in eight different groups of banks. Rows are padded to whole groups of 8 chunks.
#pragma once
#include "infonce.cuh"
#include "mma.cuh"

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
    __device__ __forceinline__ u32 key_of(u32 tile) const
    {
        return (FT_EXTEND && tile >= of_queue ? tile - of_queue : tile) * KEYS;
    }

    __device__ __forceinline__ bool is_mixed(u32 tile) const { return FT_EXTEND ? tile < mixed : mixed > 0; }
};

// Where chunk c of row r of an operand tile lies.
__device__ __forceinline__ u32 tile_byte(u32 r, u32 c) { return r * ROW_BYTES + ((c ^ (r & 7u)) << 4); }

// Where the elements of chunk c of row r of the queue begin in an operand tile: half a chunk, a chunk or two neighbours.
__device__ __forceinline__ u32 queue_chunk_byte(u32 r, u32 c)
{
    constexpr u32 BYTES = QUEUE_CHUNK * FT_OPERAND_BYTES;
    return BYTES == 8 ? tile_byte(r, c / 2) + c % 2 * 8 : tile_byte(r, c * (BYTES / 16));
}

// The elements of one chunk of the queue into an operand tile.
__device__ __forceinline__ void store_chunk(u8* tile, u32 place, const float (&z)[QUEUE_CHUNK])
{
#if FT_OPERAND_BYTES == 4
    *(uint4*)(tile + place) = make_uint4(tf32_of(z[0]), tf32_of(z[1]), tf32_of(z[2]), tf32_of(z[3]));
#if FT_QUEUE_BF16
    *(uint4*)(tile + (place ^ 16)) = make_uint4(tf32_of(z[4]), tf32_of(z[5]), tf32_of(z[6]), tf32_of(z[7]));
#endif
#elif FT_QUEUE_BF16
    *(uint4*)(tile + place) =
        make_uint4(bf16x2_of(z[0], z[1]), bf16x2_of(z[2], z[3]), bf16x2_of(z[4], z[5]), bf16x2_of(z[6], z[7]));
#else
    *(uint2*)(tile + place) = make_uint2(bf16x2_of(z[0], z[1]), bf16x2_of(z[2], z[3]));
#endif
}

// threadIdx.x, read at this place: what follows from it is not computed before the loop around it, to be kept for it.
__device__ __forceinline__ u32 thread_here()
{
    u32 thread;
    asm volatile("mov.u32 %0, %%tid.x;" : "=r"(thread));
    return thread;
}

// The same value from a register that the compiler cannot compute again: else it recomputes addresses in the main loop.
__device__ __forceinline__ u32 keep_in_register(u32 x) { return __shfl_sync(FT_FULL_MASK, x, threadIdx.x % FT_WARP); }

__device__ __forceinline__ u64 keep_in_register(u64 x)
{
    return (u64)keep_in_register((u32)(x >> 32)) << 32 | keep_in_register((u32)x);
}
