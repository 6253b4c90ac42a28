// Up to four neighbouring elements of a row that cannot be one access: they are the last, or not aligned. Accesses have predicates and
// no branches: those took up to a quarter of the time that NVRTC needs for a kernel.
#pragma once
#include "types.cuh"

// Predicates of the four elements: operand 5 says how many there are.
#define FT_PREDICATES \
    ".reg .pred a, b, c, d;\n\t" \
    "setp.gt.u32 a, %5, 0;\n\t" \
    "setp.gt.u32 b, %5, 1;\n\t" \
    "setp.gt.u32 c, %5, 2;\n\t" \
    "setp.gt.u32 d, %5, 3;\n\t"

// Zeros where there are fewer than four.
__device__ __forceinline__ float4 load_tail4(const float* from, u32 count)
{
    float4 x = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    asm volatile("{\n\t" FT_PREDICATES
                 "@a ld.global.f32 %0, [%4];\n\t"
                 "@b ld.global.f32 %1, [%4 + 4];\n\t"
                 "@c ld.global.f32 %2, [%4 + 8];\n\t"
                 "@d ld.global.f32 %3, [%4 + 12];\n\t}"
                 : "+f"(x.x), "+f"(x.y), "+f"(x.z), "+f"(x.w)
                 : "l"(from), "r"(count)
                 : "memory");
    return x;
}

__device__ __forceinline__ float4 load_tail4(const u16* from, u32 count)
{
    u16 x = 0, y = 0, z = 0, w = 0;
    asm volatile("{\n\t" FT_PREDICATES
                 "@a ld.global.u16 %0, [%4];\n\t"
                 "@b ld.global.u16 %1, [%4 + 2];\n\t"
                 "@c ld.global.u16 %2, [%4 + 4];\n\t"
                 "@d ld.global.u16 %3, [%4 + 6];\n\t}"
                 : "+h"(x), "+h"(y), "+h"(z), "+h"(w)
                 : "l"(from), "r"(count)
                 : "memory");
    return make_float4(float_of(x), float_of(y), float_of(z), float_of(w));
}

__device__ __forceinline__ void store_tail4(float* to, u32 count, float4 x)
{
    asm volatile("{\n\t" FT_PREDICATES
                 "@a st.global.f32 [%4], %0;\n\t"
                 "@b st.global.f32 [%4 + 4], %1;\n\t"
                 "@c st.global.f32 [%4 + 8], %2;\n\t"
                 "@d st.global.f32 [%4 + 12], %3;\n\t}" ::"f"(x.x), "f"(x.y), "f"(x.z), "f"(x.w), "l"(to), "r"(count)
                 : "memory");
}

__device__ __forceinline__ void store_tail4(u16* to, u32 count, float4 x)
{
    asm volatile("{\n\t" FT_PREDICATES
                 "@a st.global.u16 [%4], %0;\n\t"
                 "@b st.global.u16 [%4 + 2], %1;\n\t"
                 "@c st.global.u16 [%4 + 4], %2;\n\t"
                 "@d st.global.u16 [%4 + 6], %3;\n\t}" ::"h"(bf16_of(x.x)), "h"(bf16_of(x.y)), "h"(bf16_of(x.z)), "h"(bf16_of(x.w)),
                 "l"(to), "r"(count)
                 : "memory");
}

#undef FT_PREDICATES
