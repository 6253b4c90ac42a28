// Fixed-width names and constants. No toolkit header is needed to compile the kernels: NVRTC has none built in.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16; // also the bits of a bfloat16
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int i32;
typedef long long i64;

#define FT_WARP 32
#define FT_FULL_MASK 0xffffffffu
#define FT_INFINITY __int_as_float(0x7f800000)
#define FT_NAN __int_as_float(0x7fffffff)

// The element type that a flag of a macro names: 1 for bf16, 0 for fp32.
template <int BF16> struct Element { typedef float type; };
template <> struct Element<1> { typedef u16 type; };
#define FT_ELEMENT(flag) Element<flag>::type

// The state that steps advance, in device memory, so that a captured graph replays without host work.
// Mirrored by StepState in C#.
struct StepState
{
    u32 step;      // step number: with the seed it determines every lambda and the permutation
    u32 transform; // 0: plain InfoNCE (before the begin epoch)
    u32 position;  // queue row that the next key replaces
    u32 reserved;
};

// bfloat16, rounded to nearest even; NaN stays NaN.
__device__ __forceinline__ u16 bf16_of(float x)
{
    u16 bits;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(x));
    return bits;
}

__device__ __forceinline__ float float_of(u16 bits) { return __uint_as_float((u32)bits << 16); }

// Two bfloat16 in one register: low holds the lower column.
__device__ __forceinline__ u32 bf16x2_of(float low, float high)
{
    u32 bits;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
    return bits;
}
