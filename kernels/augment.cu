// Random resized crop, flip, colour jitter, grayscale, Gaussian blur, solarise and normalisation of 8-bit images, with
// torchvision's meaning of each, in three launches:
//   augment_resize  crop to S x S by the antialiased bilinear filter, mirror, colour operations before contrast; sums of luma
//   augment_color   contrast and the operations behind it; finishes views that are not blurred, and the channels of padding
//   augment_blur    (augment_blur.cu) blurs and finishes the others; not needed by a recipe without blur
// Without operations it is the transform for evaluation. Between the launches a view is three planes of fp32 in [0, 1].
// One thread a pixel of a view, a block takes a tile of 32 x 8. CPU twins: Augmenter, Resampler, ColorKernels,
// EvaluationTransform. FT_OUTPUT_BF16: 1 if the views are bf16, else fp32.
#include "augment_blur.cu"
#include "common/reduce.cuh"
#include "common/rows.cuh"
#include "common/view.cuh"

#define FT_TILE_WIDTH 32 // Augment.TileWidth
#define FT_TILE_HEIGHT 8 // Augment.TileHeight
#define FT_THREADS (FT_TILE_WIDTH * FT_TILE_HEIGHT)

// Mirrored by AugmentArgs in C#.
struct AugmentArgs
{
    const AugmentView* views;
    const u8* images; // the images' pixels
    float* planes;    // views x 3 x S x S
    double* sums;     // views x tiles of a view: sum of the luma before contrast
    void* output;     // views x S x S x channels, fp32 or bf16
    u32 size;         // S
    u32 channels;     // 3, or more: the rest is zero
};

// The inputs of one output along one axis: first .. first + count - 1, weighing factor max(0, 1 - |offset + t inverse|).
struct AxisWindow
{
    i32 first;
    i32 count;
    float offset;
    float inverse;
    float factor; // 1 / sum of the weights

    // The places are computed in double, so that they are those of the CPU (ResampleAxis), the weights in fp32.
    __device__ __forceinline__ AxisWindow(i32 input, i32 output, i32 index)
    {
        double scale = (double)input / output, support = fmax(scale, 1.0), step = 1.0 / support;
        double center = __dmul_rn(index + 0.5, scale); // never part of a fused operation
        first = max((i32)(center - support + 0.5), 0);
        count = min((i32)(center + support + 0.5), input) - first;
        offset = (float)((first + 0.5 - center) * step);
        inverse = (float)step;
        float sum = 0;
#pragma unroll 1 // here and below where little is done: what is repeated takes long to compile
        for (i32 t = 0; t < count; t++)
            sum += weight(t);
        factor = 1.0f / sum;
    }

    __device__ __forceinline__ float weight(i32 t) const { return fmaxf(0.0f, 1.0f - fabsf(fmaf((float)t, inverse, offset))); }
};

__device__ __forceinline__ Color resized(const AugmentView& view, const u8* images, AxisWindow across, AxisWindow down)
{
    const u8* corner = images + view.pixels + 3 * ((u64)(view.top + down.first) * view.width + view.left + across.first);
    Color sum = {0.0f, 0.0f, 0.0f};
#pragma unroll 1
    for (i32 x = 0; x < across.count; x++)
    {
        const u8* pixel = corner + 3 * x;
        Color column = {0.0f, 0.0f, 0.0f};
#pragma unroll 1
        for (i32 y = 0; y < down.count; y++, pixel += 3 * (i64)view.width)
        {
            float weight = down.weight(y);
            column.r = fmaf(pixel[0], weight, column.r);
            column.g = fmaf(pixel[1], weight, column.g);
            column.b = fmaf(pixel[2], weight, column.b);
        }
        float weight = across.weight(x);
        sum.r = fmaf(column.r, weight, sum.r);
        sum.g = fmaf(column.g, weight, sum.g);
        sum.b = fmaf(column.b, weight, sum.b);
    }
    float factor = across.factor * down.factor * (1.0f / 255.0f);
    return Color{sum.r * factor, sum.g * factor, sum.b * factor};
}

// The pixel of this thread; z of the grid is the view.
struct Place
{
    u32 x, y, tile, tiles;
    bool inside;
    u64 plane; // first element of the view's planes
    u64 pixel; // within a plane
    u64 pixels;

    __device__ __forceinline__ Place(u32 size)
        : x(blockIdx.x * FT_TILE_WIDTH + threadIdx.x % FT_TILE_WIDTH),
          y(blockIdx.y * FT_TILE_HEIGHT + threadIdx.x / FT_TILE_WIDTH), tile(blockIdx.y * gridDim.x + blockIdx.x),
          tiles(gridDim.x * gridDim.y), inside(x < size && y < size),
          plane(3 * (u64)blockIdx.z * size * size), pixel((u64)y * size + x), pixels((u64)size * size)
    {
    }
};

extern "C" __global__ void __launch_bounds__(FT_THREADS) augment_resize(const AugmentArgs args)
{
    const AugmentView& view = args.views[blockIdx.z];
    Place at(args.size);
    double sum = 0;
    if (at.inside)
    {
        i32 column = (i32)(view.flip != 0 ? args.size - 1 - at.x : at.x);
        AxisWindow across(view.crop_width, view.result_width, view.result_left + column);
        AxisWindow down(view.crop_height, view.result_height, view.result_top + (i32)at.y);
        Color x = before_contrast(view, resized(view, args.images, across, down));
        float* plane = args.planes + at.plane + at.pixel;
        plane[0] = x.r;
        plane[at.pixels] = x.g;
        plane[2 * at.pixels] = x.b;
        sum = luma(x);
    }
    if (from_contrast(view.operations) == 0)
        return;
    sum = block_sum<FT_THREADS>(sum);
    if (threadIdx.x == 0)
        args.sums[(u64)blockIdx.z * at.tiles + at.tile] = sum;
}

template <typename T>
__device__ __forceinline__ void color(const AugmentArgs& args)
{
    const AugmentView& view = args.views[blockIdx.z];
    Place at(args.size);
    u32 operations = from_contrast(view.operations);
    float mean = 0;
    if (operations != 0)
    {
        double sum = 0;
#pragma unroll 1
        for (u32 i = threadIdx.x; i < at.tiles; i += FT_THREADS)
            sum += args.sums[(u64)blockIdx.z * at.tiles + i];
        mean = (float)(block_sum<FT_THREADS>(sum) / ((double)args.size * args.size));
    }
    if (!at.inside)
        return;
    float* plane = args.planes + at.plane + at.pixel;
    Color x = {plane[0], plane[at.pixels], plane[2 * at.pixels]};
    for (; operations != 0; operations >>= 4)
        x = apply(view, operations & 15u, x, mean);
    T* output = (T*)args.output + ((u64)blockIdx.z * at.pixels + at.pixel) * args.channels;
    float4 first = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    if (view.blur_sigma > 0)
    {
        plane[0] = x.r;
        plane[at.pixels] = x.g;
        plane[2 * at.pixels] = x.b;
    }
    else
        first = make_float4(normalized(solarised(x.r, view.solarise), 0), normalized(solarised(x.g, view.solarise), 1),
            normalized(solarised(x.b, view.solarise), 2), 0.0f);
    bool aligned = rows_aligned((const T*)args.output, args.channels);
    store4(output, 0, args.channels, aligned, first);
#pragma unroll 1
    for (u32 channel = 4; channel < args.channels; channel += 4)
        store4(output, channel, args.channels, aligned, make_float4(0.0f, 0.0f, 0.0f, 0.0f));
}

#if FT_OUTPUT_BF16
extern "C" __global__ void __launch_bounds__(FT_THREADS) augment_color_bf16(const AugmentArgs args) { color<u16>(args); }
#else
extern "C" __global__ void __launch_bounds__(FT_THREADS) augment_color_fp32(const AugmentArgs args) { color<float>(args); }
#endif
