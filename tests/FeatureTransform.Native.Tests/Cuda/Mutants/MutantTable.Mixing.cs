namespace FeatureTransform.Native.Tests.Cuda;

internal static partial class MutantTable
{
    private static Mutant[] Mixing =>
    [
        Found("no barrier behind the round keys", "mix_queue", "mix_queue.cu",
            "            table[i] = args.table[i];\n    }\n    __syncthreads();", "            table[i] = args.table[i];\n    }",
            Race, "left = (high ^ keys[i] ^ right) & left_mask;", "common/permutation.cuh"),
        Found("no barrier behind partners and lambdas", "mix_queue", "mix_queue.cu",
            "args.scope, mine) : 1.0f;\n    }\n    __syncthreads();", "args.scope, mine) : 1.0f;\n    }",
            Race, "partners[local] * c;"),
        Found("groups past the last row read what was never drawn", "mix_queue", "mix_queue.cu",
            "local = wanted < rows ? wanted : rows - 1;", "local = wanted;", Unwritten, "lambdas[local]};"),
        Found("the table of quantiles lacks its last octaves", "mix_queue", "common/beta.cuh",
            "return 33u << row_bits;", "return 31u << row_bits;", Unwritten, "float4 row = table[(bits >> shift)"),
        Wrong("the table of quantiles is entered an octave off", "mix_queue", "common/beta.cuh", "(94u << row_bits)]", "(93u << row_bits)]"),
        Found("a partner may lie behind the last row", "mix_queue", "common/permutation.cuh",
            "while (value >= count);", "while (value > count);", OutOfBounds, "load4(partner, column, c, aligned)", "mix_queue.cu"),
        Found("the walk of a cycle never ends", "mix_queue", "common/permutation.cuh",
            "while (value >= count);", "while (value >= 0u);", "endless", ""),
        Wrong("halves of the cipher are not combined", "mix_queue", "common/permutation.cuh", "(high ^ keys[i] ^ right)", "(high ^ keys[i])"),
        Wrong("threads past the last row leave before the barrier", "mix_queue", "mix_queue.cu",
            "    u32 mine = block_first + threadIdx.x;\n    if (mine < args.k)\n",
            "    u32 mine = block_first + threadIdx.x;\n    if (mine >= args.k)\n        return;\n"),
        Found("one row too many is mixed", "mix_positive", "mix_positive.cu",
            "if (row >= args.n)", "if (row > args.n)", OutOfBounds, "float4 q = load4(q_row, column"),
        Found("keys are laid out at the stride of the raw rows", "mix_positive", "mix_positive.cu",
            "u64 first = (u64)row * c;", "u64 first = row * args.k_stride;", OutOfBounds, "store4(args.keys + first, column"),
        Wrong("extrapolation without its one", "mix_positive", "common/positive.cuh", "__fadd_rn(draw, 1.0f) : draw", "draw : draw"),
        Wrong("the counter of a draw forgets the row", "mix_positive", "common/positive.cuh",
            "shifted(row_lambda(stream, lambda_scope, row))", "shifted(row_lambda(stream, lambda_scope, 0))"),
    ];
}
