namespace FeatureTransform.Native.Tests.Cuda;

internal static partial class MutantTable
{
    private static Mutant[] Nearest =>
    [
        Found("a tile is overwritten while it is read", "knn", "knn.cu",
            "        __syncthreads();\n        query.store(queries, next_query);", "        query.store(queries, next_query);",
            Race, "tile[4 * quad][place] = x.x;"),
        Found("a tile is read before it is complete", "knn", "knn.cu",
            "        bank.store(rows, next_row);\n        __syncthreads();", "        bank.store(rows, next_row);",
            Race, "float4 a = *(const float4*)&queries[c][y]"),
        Found("the row behind the last is fetched", "knn", "knn.cu",
            "min(first + place, count - 1)", "min(first + place, count)", OutOfBounds, "float4 next_query = load_aligned4"),
        Found("lists are cut while others still append", "knn", "knn.cu",
            "            __syncwarp();\n        }\n    }\n#pragma unroll", "        }\n    }\n#pragma unroll",
            Race, "keys[first + lane] >= bound));", "common/top_k.cuh"),
        Found("channels lie at a stride that breaks their alignment", "knn", "knn.cu",
            "(FT_TILE + 4)  //", "(FT_TILE + 2)  //", Misaligned, "float4 a = *(const float4*)&queries[c][y]"),
        Found("channels of a tile overlap", "knn", "knn.cu",
            "(FT_TILE + 4)  //", "(FT_TILE - 4)  //", Race, "tile[4 * quad + 1][place] = x.y;"),
        Found("padding is not written", "knn", "knn.cu",
            "column < args.padded; column", "column < args.c; column", Unwritten, "next_query = load_aligned4(query.row + channel"),
        Found("a place counts the own lane", "knn", "knn.cu",
            "((1u << (lane % 16)) - 1u)", "((2u << (lane % 16)) - 1u)", Unwritten, "keys[first + lane] >= bound));", "common/top_k.cuh"),
        Found("rows behind the last are kept", "knn", "knn.cu",
            "row < args.m && score", "score", OutOfBounds, "labels[threadIdx.x] = indices", "knn_vote.cu"),
        Found("a list is cut when it has overflowed", "knn, full lists", "knn.cu",
            "count[i] + FT_TILE > args.capacity", "count[i] > args.capacity", OutOfBounds, "args.keys[(list + i) * args.capacity + place] ="),
        Found("a vote is taken for an order of memory", "knn, full lists", "common/top_k.cuh",
            "        __syncwarp(); // a vote orders no memory: all have read what one may write over\n", "",
            Race, "u32)__popc(lanes & ((1u << lane) - 1u))] = key;"),
        Found("the nearest are ordered before all are there", "knn, many neighbours", "knn_vote.cu",
            "    }\n    __syncthreads();\n\n    // A key's place", "    }\n\n    // A key's place", Race, "u64 key = best[i];"),
        Found("votes are counted before all are there", "knn", "knn_vote.cu",
            "/ args.temperature);\n        }\n        __syncthreads();", "/ args.temperature);\n        }", Race, "if (labels[i] == (i32)c)"),
        Found("neighbours are taken before their order is known", "knn, many neighbours", "knn_vote.cu",
            "        __syncthreads();\n        if (neighbor < args.k)", "        if (neighbor < args.k)", Race, "labels[threadIdx.x] = indices"),
        Found("one neighbour too many", "knn", "knn_vote.cu",
            "for (u32 i = 0; i < count; i++)", "for (u32 i = 0; i <= count; i++)", Unwritten, "if (labels[i] == (i32)c)"),
        Wrong("of equal scores the later one is nearer", "knn", "common/top_k.cuh", "(u32)~index;", "index;"),
    ];
}
