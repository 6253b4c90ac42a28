// What the augmentation kernels share: one view of an image, and its colour operations on values in [0, 1].
#pragma once
#include "types.cuh"

// Mirrored by AugmentView in C#; filled by the host from the same ViewParameters as on the CPU, whose draws are made in double.
struct AugmentView
{
    u64 pixels;      // byte of the image's first pixel in the batch of images: height x width x 3
    i32 width;       // of the image, pixels
    i32 left;        // the part of it that is resized
    i32 top;
    i32 crop_width;
    i32 crop_height;
    i32 result_left; // the window of the result that becomes the view
    i32 result_top;
    i32 result_width; // size of the whole result
    i32 result_height;
    u32 flip;        // 1: the view is mirrored left to right
    u32 operations;  // colour operations in order, four bits each from the lowest up, 0 ends
    float brightness;
    float contrast;
    float saturation;
    float hue;        // in turns
    float blur_sigma; // pixels; 0: none
    float solarise;   // values from here on are inverted; above 1: none
    u32 reserved;
};

enum ColorOperation
{
    COLOR_END = 0,
    COLOR_BRIGHTNESS = 1,
    COLOR_CONTRAST = 2,
    COLOR_SATURATION = 3,
    COLOR_HUE = 4,
    COLOR_GRAYSCALE = 5,
};

struct Color
{
    float r, g, b;
};

// ITU-R 601 luma as torchvision rounds it.
__device__ __forceinline__ float luma(Color x)
{
    return __fmaf_rn(0.2989f, x.r, __fmaf_rn(0.587f, x.g, __fmul_rn(0.114f, x.b)));
}

__device__ __forceinline__ float clamp01(float x) { return fminf(fmaxf(x, 0.0f), 1.0f); }

// clamp(factor x + rest)
__device__ __forceinline__ Color blend(Color x, float factor, float rest)
{
    return Color{clamp01(__fmaf_rn(factor, x.r, rest)), clamp01(__fmaf_rn(factor, x.g, rest)),
        clamp01(__fmaf_rn(factor, x.b, rest))};
}

// Turns the hue of HSV, its sextants in one piece: ColorKernels.Hue says how.
__device__ __forceinline__ Color turn_hue(Color x, float shift)
{
    float largest = fmaxf(fmaxf(x.r, x.g), x.b), chroma = __fsub_rn(largest, fminf(fminf(x.r, x.g), x.b));
    float turn = __fmul_rn(6.0f, shift), difference, start;
    if (x.r == largest)
    {
        difference = __fsub_rn(x.g, x.b);
        start = turn;
    }
    else if (x.g == largest)
    {
        difference = __fsub_rn(x.b, x.r);
        start = __fadd_rn(turn, 2.0f);
    }
    else
    {
        difference = __fsub_rn(x.r, x.g);
        start = __fadd_rn(turn, 4.0f);
    }
    float h = __fadd_rn(__fdiv_rn(difference, fmaxf(chroma, 1.17549435e-38f)), start);
    h = __fsub_rn(h, __fmul_rn(6.0f, floorf(__fmul_rn(h, 1.0f / 6.0f))));
    float smallest = __fsub_rn(largest, chroma);
    return Color{__fmaf_rn(chroma, clamp01(__fsub_rn(fabsf(__fsub_rn(h, 3.0f)), 1.0f)), smallest),
        __fmaf_rn(chroma, clamp01(__fsub_rn(2.0f, fabsf(__fsub_rn(h, 2.0f)))), smallest),
        __fmaf_rn(chroma, clamp01(__fsub_rn(2.0f, fabsf(__fsub_rn(h, 4.0f)))), smallest)};
}

__device__ __forceinline__ Color apply(const AugmentView& view, u32 operation, Color x, float mean_luma)
{
    if (operation == COLOR_BRIGHTNESS)
        return Color{fminf(__fmul_rn(view.brightness, x.r), 1.0f), fminf(__fmul_rn(view.brightness, x.g), 1.0f),
            fminf(__fmul_rn(view.brightness, x.b), 1.0f)};
    if (operation == COLOR_CONTRAST)
        return blend(x, view.contrast, __fmul_rn(__fsub_rn(1.0f, view.contrast), mean_luma));
    if (operation == COLOR_SATURATION)
        return blend(x, view.saturation, __fmul_rn(__fsub_rn(1.0f, view.saturation), luma(x)));
    if (operation == COLOR_HUE)
        return turn_hue(x, view.hue);
    float gray = luma(x);
    return Color{gray, gray, gray};
}

// Contrast needs the mean of the whole view as it is by then: the operations before it are done while the view is resized,
// it and those behind it in a second launch.
__device__ __forceinline__ Color before_contrast(const AugmentView& view, Color x)
{
    for (u32 left = view.operations; left != 0 && (left & 15u) != COLOR_CONTRAST; left >>= 4)
        x = apply(view, left & 15u, x, 0.0f);
    return x;
}

__device__ __forceinline__ u32 from_contrast(u32 operations)
{
    while (operations != 0 && (operations & 15u) != COLOR_CONTRAST)
        operations >>= 4;
    return operations;
}

__device__ __forceinline__ float solarised(float x, float threshold) { return x >= threshold ? __fsub_rn(1.0f, x) : x; }

// With ImageNet's channel means and deviations.
__device__ __forceinline__ float normalized(float x, u32 channel)
{
    float mean = channel == 0 ? 0.485f : channel == 1 ? 0.456f : 0.406f;
    float inverse = channel == 0 ? 1.0f / 0.229f : channel == 1 ? 1.0f / 0.224f : 1.0f / 0.225f;
    return __fmul_rn(__fsub_rn(x, mean), inverse);
}
