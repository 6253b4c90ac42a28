// Tiles of negatives for the tensor core kernels of infonce: z^_j = lambda z_j + (1 - lambda) z_pi(j) (equation 3.3) made on
// the way from the queue to shared memory, with no array of z^ anywhere.
//
// A thread fetches the same places of own and partner rows in every tile, two tiles ahead of their mixing, and mixes exactly
// what it fetched: its part of the raw ring is private and needs no barrier. pi and, in row scope, lambda are drawn by one
// thread a key for TILES tiles at a time and kept in a ring of shared memory.
#pragma once
#include "async_copy.cuh"
#include "lambda.cuh"
#include "permutation.cuh"
#include "tile_shape.cuh"

#define RAW_SLOTS 2 // tiles in the raw ring

// What all draws of a step share; in shared memory.
struct DrawState
{
    u32 round_keys[FT_PERMUTATION_ROUNDS];
    u32 step;
    float lambda; // of batch scope
};

struct NegativeTile
{
    static constexpr u32 LANES = QUEUE_CHUNKS;                              // threads on a row
    static constexpr u32 ROWS_AT_ONCE = THREADS / LANES;                    // rows the CTA fetches in one piece
    static constexpr u32 PIECES = (KEYS + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE; // chunks a thread fetches of a tile
    static constexpr bool EXACT = PIECES * ROWS_AT_ONCE == KEYS && ROWS_AT_ONCE * LANES == THREADS;
    static constexpr u32 TILES = THREADS / KEYS;                            // drawn together, at least 4
    static constexpr u32 RING = 2 * THREADS;                                // keys whose draws are kept
    static constexpr u32 SOURCES = FT_SCOPE == SCOPE_MIXED ? 1 : 2;         // own row and partner
    static constexpr u32 SLOT_BYTES = PIECES * SOURCES * THREADS * 16;

    // Of the permutation. Few compile sooner; they cost the loop of a warp with 32 rows 0.6 % more instructions, one with 16 up to 6 %.
    static constexpr u32 ROUNDS_AT_ONCE = FT_WARP_ROWS == 32 ? 4 : FT_PERMUTATION_ROUNDS;

    // Shared memory: two operand tiles, the raw ring, the draws, and in element scope the Beta table.
    static constexpr u32 TILE_BYTES = KEYS * ROW_BYTES, RAW = 2 * TILE_BYTES;
    static constexpr u32 PARTNERS = RAW + RAW_SLOTS * SLOT_BYTES, LAMBDAS = PARTNERS + RING * 4;
    static constexpr u32 BYTES = LAMBDAS + (FT_SCOPE == SCOPE_ROW ? RING * 4 : 0);

    const InfoNceArgs& args;
    DrawState& draws;
    u8* shared;
    const u8* queue; // the thread's chunk of row 0
    PassTiles tiles;
    u32 row, lane;    // row and chunk of the thread's first piece
    u32 target;       // its place in an operand tile, in bytes
    u32 first, count; // key tiles of this part of the work

    // For one part of the work; the draws and the table have been prepared.
    __device__ __forceinline__ NegativeTile(const InfoNceArgs& arguments, DrawState& state, u8* memory, const KeyPart& part)
        : args(arguments), draws(state), shared(memory), tiles(arguments), first(part.first), count(part.count)
    {
        u32 thread = thread_here();
        row = keep_in_register(thread / LANES);
        lane = thread % LANES;
        queue = (const u8*)keep_in_register((u64)args.queue + lane * 16);
        target = keep_in_register(queue_chunk_byte(row, lane));
    }

    // Once, before the first part; to be followed by a barrier.
    static __device__ __forceinline__ void start(const InfoNceArgs& args, DrawState& draws, u8* shared)
    {
        u32 step = args.state->step;
        if (threadIdx.x < FT_PERMUTATION_ROUNDS)
        {
            draws.round_keys[threadIdx.x] = philox_element(args.seed, step, USE_PERMUTATION_KEYS, args.rank, threadIdx.x);
        }

        if (threadIdx.x == 0)
        {
            bool mixing = FT_SCOPE == SCOPE_BATCH && args.mix != 0 && args.state->transform != 0;
            draws.step = step;
            draws.lambda = mixing ? negative_lambda(args, step, 0) : 1.0f;
        }

        if (FT_SCOPE == SCOPE_ELEMENT)
        {
            float4* copy = (float4*)(shared + BYTES);
            for (u32 i = threadIdx.x; i < (33u << args.row_bits); i += THREADS)
            {
                copy[i] = args.table[i];
            }
        }
    }

    // lambda of batch scope (index 0) and of row scope.
    static __device__ __forceinline__ float negative_lambda(const InfoNceArgs& args, u32 step, u32 index)
    {
        uint4 words = philox_block(args.seed, step, USE_NEGATIVE_LAMBDA, args.rank, index);
        return beta_draw(args.table, args.row_bits, words.x);
    }

    // Draws for the tiles first + ahead .. first + ahead + TILES - 1.
    __device__ __forceinline__ void draw(u32 ahead)
    {
        u32 tile = first + ahead + threadIdx.x / KEYS, key = tiles.key_of(tile) + threadIdx.x % KEYS;
        u32 place = ((ahead * KEYS + threadIdx.x) % RING) * 4;
        bool mixed = tiles.is_mixed(tile) && key < args.k;
        *(u32*)(shared + PARTNERS + place) = mixed ? permute<ROUNDS_AT_ONCE>(draws.round_keys, permutation_bits(args.k), args.k, key) : 0u;
        if (FT_SCOPE == SCOPE_ROW)
        {
            *(float*)(shared + LAMBDAS + place) = mixed ? negative_lambda(args, draws.step, key) : 1.0f;
        }
    }

    // Whether the thread has a p-th piece in a tile.
    __device__ __forceinline__ bool has(u32 p) const { return EXACT || (row < ROWS_AT_ONCE && row + p * ROWS_AT_ONCE < KEYS); }

    // The ring holds whole tiles: this part of a place in it is the same for all threads.
    static __device__ __forceinline__ u32 ring_start(u32 ahead) { return ahead * KEYS % RING; }

    // Starts the copies of tile first + ahead into the raw ring; of a tile past the end, and of keys past the last, zeros.
    __device__ __forceinline__ void fetch(u32 ahead)
    {
        u32 tile = first + ahead, own = tiles.key_of(tile) + row;
        u32 own_end = ahead < count ? args.k : 0u, partner_end = tiles.is_mixed(tile) ? own_end : 0u;
        const u32* ring = (const u32*)(shared + PARTNERS) + ring_start(ahead) + row;
        const u8* source = SOURCES == 2 ? queue : (const u8*)(tiles.is_mixed(tile) ? args.mixed : args.queue) + lane * 16;
        u32 slot = shared_address(shared + RAW + ahead % RAW_SLOTS * SLOT_BYTES + threadIdx.x * 16), partners[PIECES];
#pragma unroll
        for (u32 p = 0; p < PIECES; p++)
        {
            partners[p] = SOURCES == 2 && has(p) ? ring[p * ROWS_AT_ONCE] : 0u;
        }

#pragma unroll
        for (u32 p = 0; p < PIECES; p++)
        {
            if (has(p))
            {
                u32 key = own + p * ROWS_AT_ONCE;
                copy_async16(slot + SOURCES * p * THREADS * 16, source + (u64)key * QUEUE_ROW_BYTES, key < own_end);
                if (SOURCES == 2)
                {
                    u32 place = slot + (SOURCES * p + 1) * THREADS * 16;
                    copy_async16(place, queue + (u64)partners[p] * QUEUE_ROW_BYTES, key < partner_end);
                }
            }
        }

        copy_async_commit();
    }

    // Mixes tile first + ahead, whose copies have arrived, into its operand tile.
    __device__ __forceinline__ void make(u32 ahead)
    {
        u8* operand = shared + ahead % 2 * TILE_BYTES;
        const uint4* slot = (const uint4*)(shared + RAW + ahead % RAW_SLOTS * SLOT_BYTES) + threadIdx.x;
#pragma unroll
        for (u32 p = 0; p < PIECES; p++)
        {
            if (has(p))
            {
                uint4 own = slot[SOURCES * p * THREADS];
                float lambda[QUEUE_CHUNK], z[QUEUE_CHUNK];
                if (SOURCES == 2)
                {
                    lambdas_of(ahead, p, lambda);
                    mix_chunk(own, slot[(SOURCES * p + 1) * THREADS], lambda, z);
                }
                else
                {
                    widen_chunk(own, z);
                }

                // Where pieces keep their place within 8 rows, the swizzle is that of the first.
                constexpr u32 STEP = ROWS_AT_ONCE;
                u32 place = STEP % 8 == 0 ? target + p * STEP * ROW_BYTES : queue_chunk_byte(row + p * STEP, lane);
                store_chunk(operand, place, z);
            }
        }
    }

    // Makes the first tile; copies begun before are waited for with those of its rows.
    __device__ __forceinline__ void begin()
    {
        draw(0);
        __syncthreads();
        fetch(0);
        fetch(1);
        copy_async_wait<1>();
        make(0);
        fetch(2);
        __syncthreads();
    }

    // Tile i, complete; the next ones are on their way.
    __device__ __forceinline__ u8* arrive(u32 i)
    {
        copy_async_wait<1>();
        make(i + 1);
        fetch(i + 3);
        return shared + i % 2 * TILE_BYTES;
    }

    // To be called before the tiles i, i + TILES, ...: draws for the next ones. They are fetched three tiles ahead, so that
    // at least one barrier comes before that, and no tile from i - 1 back is drawn from any more.
    __device__ __forceinline__ void prepare(u32 i)
    {
        if (i + TILES < count)
        {
            draw(i + TILES);
        }
    }

    // To be called when tile i has been read.
    __device__ __forceinline__ void leave(u32) { __syncthreads(); }

    __device__ __forceinline__ void lambdas_of(u32 ahead, u32 p, float (&lambda)[QUEUE_CHUNK]) const
    {
        u32 tile = first + ahead;
        bool mixed = tiles.is_mixed(tile);
        if (FT_SCOPE == SCOPE_ELEMENT)
        {
            const float4* table = (const float4*)(shared + BYTES);
            u64 block = ((u64)(tiles.key_of(tile) + row + p * ROWS_AT_ONCE) * FT_C + lane * QUEUE_CHUNK) / 4;
#pragma unroll
            for (u32 i = 0; i < QUEUE_CHUNK; i += 4)
            {
                uint4 words = philox_block(args.seed, draws.step, USE_NEGATIVE_LAMBDA, args.rank, block + i / 4);
                lambda[i] = mixed ? beta_draw(table, args.row_bits, words.x) : 1.0f;
                lambda[i + 1] = mixed ? beta_draw(table, args.row_bits, words.y) : 1.0f;
                lambda[i + 2] = mixed ? beta_draw(table, args.row_bits, words.z) : 1.0f;
                lambda[i + 3] = mixed ? beta_draw(table, args.row_bits, words.w) : 1.0f;
            }
        }
        else
        {
            const float* ring = (const float*)(shared + LAMBDAS) + ring_start(ahead) + row;
            float one = FT_SCOPE == SCOPE_ROW ? ring[p * ROWS_AT_ONCE] : draws.lambda;
            one = FT_SCOPE == SCOPE_ROW || mixed ? one : 1.0f;

#pragma unroll
            for (u32 i = 0; i < QUEUE_CHUNK; i++)
            {
                lambda[i] = one;
            }
        }
    }

    static __device__ __forceinline__ void widen_chunk(uint4 chunk, float (&z)[QUEUE_CHUNK])
    {
        const u32 words[4] = {chunk.x, chunk.y, chunk.z, chunk.w};
#pragma unroll
        for (u32 i = 0; i < QUEUE_CHUNK; i++)
        {
            u32 word = words[FT_QUEUE_BF16 ? i / 2 : i];
            z[i] = __uint_as_float(!FT_QUEUE_BF16 ? word : i % 2 ? word & 0xffff0000u : word << 16);
        }
    }

    static __device__ __forceinline__ void mix_chunk(
        uint4 own, uint4 partner, const float (&lambda)[QUEUE_CHUNK], float (&z)[QUEUE_CHUNK])
    {
        float x[QUEUE_CHUNK], y[QUEUE_CHUNK];
        widen_chunk(own, x);
        widen_chunk(partner, y);
#pragma unroll
        for (u32 i = 0; i < QUEUE_CHUNK; i++)
        {
            z[i] = mix(lambda[i], x[i], y[i]);
        }
    }
};
