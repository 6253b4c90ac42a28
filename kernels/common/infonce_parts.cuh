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
    u32 pairs, longer; // of a CTA, at least; CTAs with one pair more
    u32 first, count;   // CTAs that have a part

    __device__ __forceinline__ RowParts(const InfoNceFinishArgs& arguments, u32 i)
        : args(arguments), query(i / arguments.rows_of_tile), row(i % arguments.rows_of_tile)
    {
        tiles = key_tiles(args.state, args.k, args.mix, args.extend, args.keys_of_tile);
        u32 all = (args.n + args.rows_of_tile - 1) / args.rows_of_tile * tiles.all;
        pairs = all / args.ctas;
        longer = all % args.ctas;
        first = owner(query * tiles.all);
        count = owner((query + 1) * tiles.all - 1) - first + 1;
    }

    // The CTA whose range holds a pair; see first_pair.
    __device__ __forceinline__ u32 owner(u32 pair) const
    {
        u32 of_longer = longer * (pairs + 1);
        return pair < of_longer ? pair / (pairs + 1) : longer + (pair - of_longer) / pairs;
    }

    // Negatives of a row: K or 2K.
    __device__ __forceinline__ double negatives() const { return (double)args.k * (tiles.all / tiles.of_queue); }

    __device__ __forceinline__ const float* slot(u32 part) const
    {
        return args.partials + (first + part + query) * partial_floats(args.rows_of_tile, args.c);
    }

    // The quad of sums at a column.
    __device__ __forceinline__ float4 sums(u32 part, u32 column) const
    {
        return *(const float4*)(slot(part) + (u64)row * partial_stride(args.c) + column);
    }

    __device__ __forceinline__ float value(u32 part, PartialArray array) const
    {
        return slot(part)[(u64)args.rows_of_tile * (partial_stride(args.c) + array) + row];
    }
};
