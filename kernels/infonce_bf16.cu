// InfoNCE over mixed negatives in one pass, bf16 tensor core products with fp32 sums (Zhu et al., ICCV 2021, section 4).
//
//   u_ij = q_i . z^_j, q_i = q^_i log2(e) / tau in bf16; per row i: sum_j u, sum_j u^2, sum_j 2^u, #{j: u_ij > u_i+},
//   O_i = sum_j 2^(u_ij) z^_j (fp32). No N x K array exists.
//
// queries: N x C bf16, row-major; queue: K x C bf16 or fp32; partial results: see common/infonce.cuh.
// A warp owns FT_WARP_ROWS query rows and all channels of O in registers; a CTA shares its key tiles. Scores are accumulators
// of m16n8k16, and as they lie they are, rounded to bf16, the left operand of the second product.
// Per key tile and CTA: tile i + 1 is mixed from the raw ring while tile i is multiplied, tile i + 3 is fetched, one barrier.
// 2^u takes no running maximum where the host knows that |u| < 126 - log2(keys); else FT_RUNNING_MAX.
//
// Sums over a tile's keys are formed first and then added to those of the row, so that sum u^2 has a relative error of at most
// (tiles + 12) 2^-24, and the variance one of that times (var + mean^2) / var; infonce_finish goes on in double.
//
// CPU twin: ContrastiveStep/StreamKernels.cs.
#define FT_OPERAND_BYTES 2
#include "common/infonce_pass.cuh"

extern "C" __global__ void __launch_bounds__(THREADS, 1) infonce_bf16(const InfoNceArgs args) { infonce_pass(args); }
