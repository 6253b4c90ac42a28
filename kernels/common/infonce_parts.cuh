// The arguments of infonce_finish, and where the parts of one row lie that infonce wrote.
#pragma once
#include "infonce.cuh"
#include "positive.cuh"

// Mirrored by InfoNceFinishArgs in C#.
struct InfoNceFinishArgs
{
    const StepState* state;
    const void* q_raw;      // N x C, fp32 or bf16, q_stride elements from row to row
    const float* keys;      // N x C: k, unit and unmixed
    const float* q_hat;     // N x C
    const float* k_hat;     // N x C
    const PairNorms* norms; // N
    const float* positive;  // N: p
    const float4* table;    // quantiles of the positives' Beta(a, a); unused without a transformation
    const float* partials;  // as infonce wrote them
    u32* finished;          // blocks that are done
    float* loss;            // 1: mean of L_i
    float* statistics;      // 7 x N, in the order of StatisticsArray
    float* dq_raw;          // N x C: dL/dq_raw, dq_stride elements from row to row
    u64 seed;
    u64 q_stride;
    u64 dq_stride;
    u32 n;
    u32 k;
    u32 c;
    u32 rank;          // of this process, part of every random counter
    u32 row_bits;      // of the table
    u32 transform;     // PositiveTransform
    u32 scope;         // LambdaScope of the positives
    u32 normalize;     // 1: q^ and k^ were normalised
    u32 mix;           // as in InfoNceArgs
    u32 extend;        // as in InfoNceArgs
    u32 rows_of_tile;  // query rows of a CTA of infonce
    u32 keys_of_tile;  // its key tile
    u32 ctas;          // its grid, at most the number of pairs
    float tau;
};

// Where the parts of one row lie.
struct RowParts
{
    const InfoNceFinishArgs& args;
    KeyTiles tiles;
    u32 query, row; // query tile, row within it
    u64 pairs;
    u32 first, count; // CTAs that have a part

    __device__ __forceinline__ RowParts(const InfoNceFinishArgs& arguments, u32 i)
        : args(arguments), query(i / arguments.rows_of_tile), row(i % arguments.rows_of_tile)
    {
        tiles = key_tiles(args.state, args.k, args.mix, args.extend, args.keys_of_tile);
        pairs = (u64)((args.n + args.rows_of_tile - 1) / args.rows_of_tile) * tiles.all;
        first = owner((u64)query * tiles.all);
        count = owner((u64)(query + 1) * tiles.all - 1) - first + 1;
    }

    // The CTA whose range holds a pair.
    __device__ __forceinline__ u32 owner(u64 pair) const { return (u32)(((pair + 1) * args.ctas - 1) / pairs); }

    // Negatives of a row: K or 2K.
    __device__ __forceinline__ double negatives() const { return (double)args.k * (tiles.all / tiles.of_queue); }

    __device__ __forceinline__ const float* slot(u32 part) const
    {
        return args.partials + (first + part + query) * partial_floats(args.rows_of_tile, args.c);
    }

    __device__ __forceinline__ float value(u32 part, PartialArray array) const
    {
        return slot(part)[(u64)args.rows_of_tile * (args.c + array) + row];
    }
};
