// The pass of infonce_bf16 with tf32 operands: 10 bits of mantissa instead of 7, half the speed, twice the shared memory.
//
// queries: N x C fp32, row-major, scaled by log2(e) / tau and rounded on the way; queue: K x C fp32 or bf16; z^ is rounded to
// tf32 once it is mixed, exponentials before the second product. Everything else, and the partial results, as infonce_bf16.
#define FT_OPERAND_BYTES 4
#include "common/infonce_pass.cuh"

extern "C" __global__ void __launch_bounds__(THREADS, 1) infonce_tf32(const InfoNceArgs args) { infonce_pass(args); }
