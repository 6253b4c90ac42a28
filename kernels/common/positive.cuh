// What mix_positive hands to infonce_finish, and the lambda of a positive pair, which is drawn again rather than stored.
// FT_POSITIVE_ELEMENTS: 1 if each element has a lambda of its own (SCOPE_ELEMENT), else 0.
#pragma once
#include "lambda.cuh"

// Of one row; mirrored by PairNorms in C#.
struct PairNorms
{
    float q;     // |q_raw|
    float hat_q; // |q^| before its normalisation; 1 where there is none
    float hat_k; // |k^| before its normalisation; 1 where there is none
};

// The values of PositiveTransform in FeatureTransformOptions.cs.
enum PositiveTransform
{
    POSITIVE_NONE = 0,
    POSITIVE_EXTRAPOLATION = 1,
    POSITIVE_INTERPOLATION = 2,
};

// Lambdas of the pair of one row. transform: POSITIVE_NONE where the step mixes nothing.
struct PositiveLambda
{
    LambdaStream stream;
    u64 first;     // element of channel 0
    u32 transform; // PositiveTransform
    float shared;  // lambda of the row where channels share it

    __device__ __forceinline__ PositiveLambda(const LambdaStream& draws, u32 kind, u32 lambda_scope, u32 row, u32 c)
        : stream(draws), first((u64)row * c), transform(kind), shared(1.0f)
    {
        if (transform != POSITIVE_NONE && !FT_POSITIVE_ELEMENTS)
            shared = shifted(row_lambda(stream, lambda_scope, row));
    }

    // Of channels column .. column + 3.
    __device__ __forceinline__ float4 at(u32 column) const
    {
        if (transform == POSITIVE_NONE || !FT_POSITIVE_ELEMENTS)
            return make_float4(shared, shared, shared, shared);
        float4 x = element_lambdas(stream, first + column);
        return make_float4(shifted(x.x), shifted(x.y), shifted(x.z), shifted(x.w));
    }

    __device__ __forceinline__ float shifted(float draw) const
    {
        return transform == POSITIVE_EXTRAPOLATION ? __fadd_rn(draw, 1.0f) : draw;
    }
};
