namespace FeatureTransform.Native.Tests.Cuda;

internal static partial class MutantTable
{
    private static Mutant[] Pass =>
    [
        Found("a part is replaced while others read it", "infonce_fp32", "common/infonce.cuh",
            "    {\n        __syncthreads();\n        if (threadIdx.x == 0)\n        {\n            query =",
            "    {\n        if (threadIdx.x == 0)\n        {\n            query =", Race, "slot = cta + query;"),
        Found("a part is read before it is there", "infonce_fp32", "common/infonce.cuh",
            "        __syncthreads();\n        return count > 0;", "        return count > 0;", Race, "return count > 0;"),
        Found("parts of several blocks share a slot", "infonce_fp32", "common/infonce.cuh",
            "slot = cta + query;", "slot = query;", Race, "arrays[PARTIAL_SCORE * ROWS] = score;", "infonce_fp32.cu"),
        Found("a block's parts share a slot", "infonce_fp32", "common/infonce.cuh",
            "slot = cta + query;", "slot = cta;", Unwritten, "return slot(part)[", "common/infonce_parts.cuh"),
        Found("slots are too small for their arrays", "infonce_fp32", "common/infonce.cuh",
            "+ PARTIAL_ARRAYS); }", "+ PARTIAL_ARRAYS - 1); }", Race, "store_aligned4(partial + (u64)(row + i) * stride", "infonce_fp32.cu"),
        Wrong("pairs left over by the division belong to no block", "infonce_fp32", "common/infonce.cuh",
            " + min(cta, pairs % ctas)", ""),
        Found("the parts of a row are looked for one block too far", "infonce_fp32", "common/infonce_parts.cuh",
            "longer + (pair - of_longer) / pairs", "longer + (pair - of_longer) / pairs + 1", Unwritten, "return slot(part)["),
        Found("the tiles of a part end too late", "infonce_fp32", "common/infonce.cuh",
            "min(end - pair, tiles - first)", "tiles - first",
            OutOfBounds, "arrays[PARTIAL_SCORE * ROWS] = score;", "infonce_fp32.cu"),
    ];

    private static Mutant[] Float32Pass =>
    [
        Found("keys are replaced while others read them", "infonce_fp32", "infonce_fp32.cu",
            "            }\n            __syncthreads();\n            make_keys", "            }\n            make_keys",
            Race, "*(float4*)&tile[r * STRIDE + column] = z;", "common/fp32_tile.cuh"),
        Found("scores are made before the keys are there", "infonce_fp32", "infonce_fp32.cu",
            "            __syncthreads();\n            make_scores", "            make_scores", Race, "z[i] = *(const float4*)&keys"),
        Found("statistics before the scores are there", "infonce_fp32", "infonce_fp32.cu",
            "            make_scores(queries, keys, sums, scores, args.scale);\n            __syncthreads();",
            "            make_scores(queries, keys, sums, scores, args.scale);", Race, "float u = scores[j];"),
        Found("products before the exponentials are there", "infonce_fp32", "infonce_fp32.cu",
            "if (__syncthreads_or(factor != 1.0f))", "if (factor != 1.0f)", Race, "float p = exponentials["),
        Found("threads without a query leave before the barriers", "infonce_fp32", "infonce_fp32.cu",
            "        statistics.shift = rintf(statistics.positive);",
            "        statistics.shift = rintf(statistics.positive);\n        if (global_row >= args.n)\n            return;",
            Race, "q[i] = *(const float4*)&queries"),
        Found("rows of scores overlap", "infonce_fp32", "common/fp32_tile.cuh",
            "SCORE_STRIDE = KEYS + 4", "SCORE_STRIDE = KEYS - 4", Race, "scores[place * SCORE_STRIDE", "infonce_fp32.cu"),
        Found("rows of keys lose their alignment", "infonce_fp32", "common/fp32_tile.cuh",
            "STRIDE = FT_CHANNELS + 4;", "STRIDE = FT_CHANNELS + 2;", Misaligned, "*(float4*)&queries[r * STRIDE + column]"),
        Wrong("exponentials of keys that do not exist", "infonce_fp32", "infonce_fp32.cu",
            "float e = j < valid ? exp2f(scores[j] - shift) : 0.0f;", "float e = exp2f(scores[j] - shift);"),
        Wrong("products are not rescaled", "infonce_fp32, cold", "infonce_fp32.cu", "                products.scale(factors);", "                ;"),
    ];

    private static Mutant[] Finish =>
    [
        Found("losses are counted without a fence", "infonce_fp32", "infonce_finish.cu",
            "        __threadfence();\n        last = atomicAdd", "        last = atomicAdd", Race, "loss[j] = i + j"),
        Found("losses are counted before all rows of the block have theirs", "infonce_fp32", "infonce_finish.cu",
            "    __syncthreads(); // the losses of the block's rows are written\n", "", Race, "loss[j] = i + j"),
        Found("losses are read without a fence", "infonce_fp32", "infonce_finish.cu",
            "gridDim.x - 1;\n        __threadfence();", "gridDim.x - 1;", Race, "loss[j] = i + j"),
        Found("who is last is read before it is known", "infonce_fp32", "infonce_finish.cu",
            "    __syncthreads();\n    if (!last)", "    if (!last)", Race, "if (!last)"),
        Found("the largest shift before all warps have theirs", "infonce_fp32, wide rows", "infonce_finish.cu",
            "        largest[threadIdx.x / FT_WARP] = value;\n    __syncthreads();", "        largest[threadIdx.x / FT_WARP] = value;",
            Race, "value = fmaxf(value, largest[warp]);"),
        Found("the softmax is read before it is there", "infonce_fp32, wide rows", "infonce_finish.cu",
            "    row_sync();\n    return result;", "    return result;", Race, "return result;"),
        Found("sums are combined before they are there", "infonce_fp32, wide rows", "infonce_finish.cu",
            "        groups[threadIdx.x] = sum;\n        __syncthreads();", "        groups[threadIdx.x] = sum;",
            Race, "sums[pass] = add_scaled(groups["),
        Found("a part too many is combined", "infonce_fp32", "infonce_finish.cu",
            "(parts.count - first + stride - 1) / stride", "(parts.count - first + stride) / stride", Unwritten, "sum = add_scaled(parts.sums("),
        Wrong("the gradient forgets the length of its row", "infonce_fp32", "infonce_finish.cu",
            "    normalize_backward(q_gradient, q, norms.q);", "    ;"),
    ];
}
