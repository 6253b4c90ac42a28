// Tiles of negatives that need no mixing, for infonce_bf16: rows of the queue or of the scratch that mix_queue wrote, copied
// straight into a ring of operand tiles. The interface is that of NegativeTile.
#pragma once
#include "async_copy.cuh"
#include "infonce.cuh"
#include "tile_shape.cuh"

struct MixedTile
{
    static constexpr u32 TILES = 32; // from prepare to prepare
    static constexpr u32 SLOTS = 4;
    static constexpr u32 TILE_BYTES = KEYS * ROW_BYTES, BYTES = SLOTS * TILE_BYTES;
    static constexpr u32 ROWS_AT_ONCE = THREADS / CHUNKS;
    static constexpr u32 PIECES = (KEYS + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE;
    static constexpr bool EXACT = PIECES * ROWS_AT_ONCE == KEYS && ROWS_AT_ONCE * CHUNKS == THREADS;

    const InfoNceArgs& args;
    u8* shared;
    PassTiles tiles;
    u32 row, chunk, target; // of the thread's first piece; its place in an operand tile, in bytes
    u32 first, count;       // key tiles of this part of the work

    __device__ __forceinline__ MixedTile(const InfoNceArgs& arguments, u8* memory, const KeyPart& part)
        : args(arguments), shared(memory), tiles(arguments), first(part.first), count(part.count)
    {
        u32 thread = thread_here();
        row = keep_in_register(thread / CHUNKS);
        chunk = thread % CHUNKS;
        target = keep_in_register(tile_byte(row, chunk));
    }

    // Starts the copies of tile first + ahead; of a tile past the end, and of keys past the last, zeros.
    __device__ __forceinline__ void fetch(u32 ahead)
    {
        u32 tile = first + ahead, own = tiles.key_of(tile) + row, end = ahead < count ? args.k : 0u;
        const u8* source = (const u8*)(tiles.is_mixed(tile) ? args.mixed : args.queue) + chunk * 16;
        u32 slot = shared_address(shared + ahead % SLOTS * TILE_BYTES);
#pragma unroll
        for (u32 p = 0; p < PIECES; p++)
        {
            u32 r = p * ROWS_AT_ONCE;
            if (EXACT || (row < ROWS_AT_ONCE && row + r < KEYS))
            {
                u32 place = ROWS_AT_ONCE % 8 == 0 ? target + r * ROW_BYTES : tile_byte(row + r, chunk);
                copy_async16(slot + place, source + (u64)(own + r) * (FT_C * FT_OPERAND_BYTES), own + r < end);
            }
        }

        copy_async_commit();
    }

    // Starts the copies of the first tiles; copies begun before are waited for with those of the first.
    __device__ __forceinline__ void begin()
    {
#pragma unroll
        for (u32 i = 0; i < SLOTS - 1; i++)
        {
            fetch(i);
        }
    }

    // Tile i, complete.
    __device__ __forceinline__ u8* arrive(u32 i)
    {
        copy_async_wait<SLOTS - 2>();
        __syncthreads();
        fetch(i + SLOTS - 1);
        return shared + i % SLOTS * TILE_BYTES;
    }

    __device__ __forceinline__ void prepare(u32) {}

    __device__ __forceinline__ void leave(u32) {}
};
