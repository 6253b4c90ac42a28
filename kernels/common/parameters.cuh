// A model's trained parameters lie in one flat array, as do their gradients and momentum; a tensor is a segment of it. A
// block works on one chunk, a piece of one segment, so that one launch serves every tensor. Tables built once by the host.
#pragma once
#include "types.cuh"

// Mirrored by ParameterChunk in C#.
struct ParameterChunk
{
    u64 first;   // element, a multiple of 4
    u32 count;   // elements, a multiple of 4: tensors are padded
    u32 segment; // of the chunk
};

// Mirrored by ParameterSegment in C#.
struct ParameterSegment
{
    u32 first_chunk;
    u32 chunks;
    u32 flags; // ParameterFlags
    u32 reserved;
};

enum ParameterFlags
{
    PARAMETER_DECAY = 1,         // weight decay
    PARAMETER_TRUST_RATIO = 2,   // LARS scales the update
    PARAMETER_BF16_GRADIENT = 4, // the gradient is at the same place of the bf16 array
};

// What an optimiser works on; mirrored by ParameterArrays in C#.
struct ParameterArrays
{
    const ParameterChunk* chunks;
    const ParameterSegment* segments;
    float* weights;
    const float* gradient;
    const u16* gradient_bf16;   // null where no segment has PARAMETER_BF16_GRADIENT
    float* velocity;            // the momentum
    u16* weights_bf16;          // rounded copy of the weights; null: none
    const float* learning_rate; // in device memory, so that a captured graph replays
    const float* loss;          // of the step: where it is not finite, nothing is changed; null: always
};

__device__ __forceinline__ bool may_update(const ParameterArrays& p) { return p.loss == nullptr || fabsf(*p.loss) < FT_INFINITY; }

// Rounded after each operation, as on the CPU. a b + c:
__device__ __forceinline__ float4 multiply_add(float a, float4 b, float4 c)
{
    return make_float4(__fadd_rn(__fmul_rn(a, b.x), c.x), __fadd_rn(__fmul_rn(a, b.y), c.y), __fadd_rn(__fmul_rn(a, b.z), c.z),
        __fadd_rn(__fmul_rn(a, b.w), c.w));
}
