// The pass of the tensor core kernels of infonce: the work of a CTA.
#pragma once
#include "infonce_rows.cuh"

// Tiles that need neither mixing nor conversion are copied.
#define FT_COPY_TILES (FT_SCOPE == SCOPE_MIXED && FT_QUEUE_BF16 && FT_OPERAND_BYTES == 2)
#if FT_COPY_TILES
#include "mixed_tile.cuh"
typedef MixedTile KeySource;
#else
#include "negative_tile.cuh"
typedef NegativeTile KeySource;
#endif

#ifdef FT_SHARED_BYTES
static_assert(ROWS * ROW_BYTES + KeySource::BYTES == FT_SHARED_BYTES, "not what InfoNceTile.DynamicSharedBytes says");
#endif

extern __shared__ uint4 dynamic_shared[];

__device__ __forceinline__ void infonce_pass(const InfoNceArgs& args)
{
    __shared__ RowScalars scalars;
    __shared__ KeyPart part; // not in registers, which the main loop needs
    u8* query_tile = (u8*)dynamic_shared;
    u8* key_memory = query_tile + ROWS * ROW_BYTES;
#if !FT_COPY_TILES
    __shared__ DrawState draws;
    NegativeTile::start(args, draws, key_memory);
#endif
    part.start(args, ROWS, PassTiles(args));
    while (part.next())
    {
#if FT_COPY_TILES
        MixedTile negatives(args, key_memory, part);
#else
        NegativeTile negatives(args, draws, key_memory, part);
#endif
        fetch_queries(args, part.query * ROWS, query_tile);
        negatives.begin();
        QueryRows rows(args, part.query * ROWS, scalars);
        for (u32 i = 0; i < negatives.count;)
        {
            negatives.prepare(i);
            for (u32 end = min(i + negatives.TILES, negatives.count); i < end; i++)
            {
                u32 tile = shared_address(negatives.arrive(i));
                u32 valid = FT_PARTIAL_TILE ? min(KEYS, args.k - negatives.tiles.key_of(negatives.first + i)) : KEYS;
                rows.accumulate(query_tile, scalars, tile, valid);
                negatives.leave(i);
            }

            if (i % RANK_TILES == 0)
            {
                rows.add_ranks(scalars);
            }
        }

        rows.write(args, scalars, part.slot);
    }
}
