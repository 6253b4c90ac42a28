// The query rows of a warp in the tensor core kernels of infonce: scores, statistics and the sums O = P Z^.
#pragma once
#include "infonce_operands.cuh"

// Of the rows of a CTA, in shared memory: registers are scarce while scores are made. In the order of scalar_place.
struct RowScalars
{
    __align__(16) float positive[ROWS]; // p log2(e) / tau
    u32 rank[ROWS];
#if FT_RUNNING_MAX
    __align__(16) float shift[ROWS]; // power of two taken out of the exponentials
#endif
};

constexpr u32 RANK_TILES = 32;

struct QueryRows
{
    static constexpr u32 M = FT_WARP_ROWS / 16; // blocks of 16 rows
    static constexpr u32 KEY_BLOCKS = KEYS / 8; // blocks of 8 keys

    u32 query, key; // the lane's places in the first block of the warp's query rows, and of a key tile as right operand of scores
    ProductPlaces products;
    float score[2 * M], square[2 * M], exp[2 * M];
    u32 above[2 * M]; // ranks since the last add_ranks, see ones_of
    float sums[M][FT_C / 8][4]; // O

    __device__ __forceinline__ QueryRows(const InfoNceArgs& args, u32 first_row, RowScalars& scalars)
    {
        u32 warp = threadIdx.x / FT_WARP, lane = threadIdx.x % FT_WARP;
        query = keep_in_register(warp * (FT_WARP_ROWS * ROW_BYTES) + tile_byte(lane % 16, lane / 16));
        key = keep_in_register(tile_byte(lane / 16 * 8 + lane % 8, lane / 8 % 2));

#pragma unroll
        for (u32 r = 0; r < 2 * M; r++)
        {
            u32 row = first_row + warp * FT_WARP_ROWS + r * 8 + lane / 4;
            float positive = row < args.n ? args.positive[row] * args.scale : 0.0f;
            score[r] = square[r] = exp[r] = 0.0f;
            above[r] = 0;
            if (lane % 4 == 0)
            {
                scalars.positive[scalar_place() + r] = positive;
                scalars.rank[scalar_place() + r] = 0;
#if FT_RUNNING_MAX
                // The positive counts in the sum of exponentials: what vanishes beside it may vanish.
                scalars.shift[scalar_place() + r] = rintf(positive);
#endif
            }
        }

        __syncwarp(); // the four lanes of a row read what one has written

#pragma unroll
        for (u32 m = 0; m < M; m++)
        {
#pragma unroll
            for (u32 c = 0; c < FT_C / 8; c++)
            {
                sums[m][c][0] = sums[m][c][1] = sums[m][c][2] = sums[m][c][3] = 0.0f;
            }
        }
    }

    // Where the scalars of the lane's rows lie side by side.
    static __device__ __forceinline__ u32 scalar_place() { return threadIdx.x / 4 * (2 * M); }

    // One key tile, of which valid keys exist.
    __device__ __forceinline__ void accumulate(const u8* queries, RowScalars& scalars, u32 tile, u32 valid)
    {
        float s[M][KEY_BLOCKS][4];
        make_scores(shared_address(queries), query, tile, key, s);
        add_scores(s);
        if (FT_PARTIAL_TILE && valid < KEYS)
        {
            mask(s, valid);
        }

        count_ranks(scalars, s);
#if FT_RUNNING_MAX
        subtract_shifts(scalars, s);
#endif
        add_exponentials(s);
        add_products(tile, products, s, sums);
    }

    __device__ __forceinline__ void add_scores(const float (&s)[M][KEY_BLOCKS][4])
    {
#pragma unroll
        for (u32 r = 0; r < 2 * M; r++)
        {
            float sum = 0.0f, squares = 0.0f;
#pragma unroll
            for (u32 i = 0; i < 2 * KEY_BLOCKS; i++)
            {
                float u = s[r / 2][i / 2][r % 2 * 2 + i % 2];
                sum = i == 0 ? u : sum + u;
                squares = i == 0 ? u * u : __fmaf_rn(u, u, squares);
            }

            score[r] += sum;
            square[r] += squares;
        }
    }

    // Keys that do not exist: no exponential, above no positive.
    static __device__ __forceinline__ void mask(float (&s)[M][KEY_BLOCKS][4], u32 valid)
    {
        u32 first = threadIdx.x % 4 * 2;
#pragma unroll
        for (u32 m = 0; m < M; m++)
        {
#pragma unroll
            for (u32 i = 0; i < 4 * KEY_BLOCKS; i++)
            {
                u32 key = i / 4 * 8 + first + i % 2;
                s[m][i / 4][i % 4] = key < valid ? s[m][i / 4][i % 4] : -FT_INFINITY;
            }
        }
    }

    // The lane's two values of each block of 16 rows.
    static __device__ __forceinline__ void load_scalars(const float (&scalars)[ROWS], float (&values)[2 * M])
    {
#pragma unroll
        for (u32 r = 0; r < 2 * M; r += 2)
        {
            float2 pair = *(const float2*)&scalars[scalar_place() + r];
            values[r] = pair.x;
            values[r + 1] = pair.y;
        }
    }

    __device__ __forceinline__ void count_ranks(const RowScalars& scalars, const float (&s)[M][KEY_BLOCKS][4])
    {
        float positive[2 * M];
        load_scalars(scalars.positive, positive);
#pragma unroll
        for (u32 r = 0; r < 2 * M; r++)
        {
#pragma unroll
            for (u32 i = 0; i < 2 * KEY_BLOCKS; i += 2)
            {
                const float(&block)[4] = s[r / 2][i / 2];
                above[r] += one_if_greater(block[r % 2 * 2], positive[r]) + one_if_greater(block[r % 2 * 2 + 1], positive[r]);
            }
        }
    }

    // Adds what the last tiles counted to the ranks of the rows; to be called at the latest after RANK_TILES.
    static_assert(RANK_TILES * 2 * KEY_BLOCKS < 512, "ones_of finds no more");

    __device__ __forceinline__ void add_ranks(RowScalars& scalars)
    {
#pragma unroll
        for (u32 r = 0; r < 2 * M; r++)
        {
            u32 sum = ones_of(above[r]);
            sum += __shfl_xor_sync(FT_FULL_MASK, sum, 1);
            sum += __shfl_xor_sync(FT_FULL_MASK, sum, 2);
            above[r] = 0;
            if (threadIdx.x % 4 == 0)
            {
                scalars.rank[scalar_place() + r] += sum;
            }
        }
    }

#if FT_RUNNING_MAX
    // Takes out of the scores a power of two that keeps their exponentials below 2^64. It is raised when a score asks for it,
    // which is rare: the first one is the positive's. Being an integer, it scales what has been summed exactly.
    __device__ __forceinline__ void subtract_shifts(RowScalars& scalars, float (&s)[M][KEY_BLOCKS][4])
    {
        constexpr float LARGEST = 64.0f;
        float shift[2 * M], largest = -FT_INFINITY;
        load_scalars(scalars.shift, shift);
#pragma unroll
        for (u32 r = 0; r < 2 * M; r++)
        {
#pragma unroll
            for (u32 i = 0; i < 2 * KEY_BLOCKS; i++)
            {
                float& u = s[r / 2][i / 2][r % 2 * 2 + i % 2];
                u -= shift[r];
                largest = fmaxf(largest, u);
            }
        }

        if (!__any_sync(FT_FULL_MASK, largest > LARGEST))
        {
            return;
        }

        __syncwarp(); // all lanes have read the shifts
#pragma unroll
        for (u32 r = 0; r < 2 * M; r++)
        {
            float most = -FT_INFINITY;
#pragma unroll
            for (u32 i = 0; i < 2 * KEY_BLOCKS; i++)
            {
                most = fmaxf(most, s[r / 2][i / 2][r % 2 * 2 + i % 2]);
            }

            most = fmaxf(most, __shfl_xor_sync(FT_FULL_MASK, most, 1));
            most = fmaxf(most, __shfl_xor_sync(FT_FULL_MASK, most, 2));
            float raise = most > LARGEST ? ceilf(most) : 0.0f, factor = exp2_approx(-raise);
            if (threadIdx.x % 4 == 0)
            {
                scalars.shift[scalar_place() + r] = shift[r] + raise;
            }

            exp[r] *= factor;
#pragma unroll
            for (u32 i = 0; i < 2 * KEY_BLOCKS; i++)
            {
                s[r / 2][i / 2][r % 2 * 2 + i % 2] -= raise;
            }

#pragma unroll
            for (u32 c = 0; c < FT_C / 8; c++)
            {
                sums[r / 2][c][r % 2 * 2] *= factor;
                sums[r / 2][c][r % 2 * 2 + 1] *= factor;
            }
        }

        __syncwarp();
    }
#endif

    // Scores become exponentials.
    __device__ __forceinline__ void add_exponentials(float (&s)[M][KEY_BLOCKS][4])
    {
#pragma unroll
        for (u32 r = 0; r < 2 * M; r++)
        {
            float sum = 0.0f;
#pragma unroll
            for (u32 i = 0; i < 2 * KEY_BLOCKS; i++)
            {
                float& u = s[r / 2][i / 2][r % 2 * 2 + i % 2];
                u = exp2_approx(u);
                sum = i == 0 ? u : sum + u;
            }

            exp[r] += sum;
        }
    }

    // The sums of the four lanes of a row, in a fixed order.
    static __device__ __forceinline__ float of_row(float x)
    {
        x += __shfl_xor_sync(FT_FULL_MASK, x, 1);
        return x + __shfl_xor_sync(FT_FULL_MASK, x, 2);
    }

    // Writes the partial result; rows behind the last hold zeros' results.
    __device__ __forceinline__ void write(const InfoNceArgs& args, RowScalars& scalars, u32 slot)
    {
        add_ranks(scalars);
        float* partial = args.partials + slot * partial_floats(ROWS, FT_C);
        u32 warp = threadIdx.x / FT_WARP, lane = threadIdx.x % FT_WARP;
        float* arrays = partial + (u64)ROWS * FT_C;
#pragma unroll
        for (u32 r = 0; r < 2 * M; r++)
        {
            u32 row = warp * FT_WARP_ROWS + r * 8 + lane / 4;
#pragma unroll
            for (u32 c = 0; c < FT_C / 8; c++)
            {
                const float(&o)[4] = sums[r / 2][c];
                *(float2*)(partial + row * FT_C + c * 8 + lane % 4 * 2) = make_float2(o[r % 2 * 2], o[r % 2 * 2 + 1]);
            }

            float u = of_row(score[r]), uu = of_row(square[r]), e = of_row(exp[r]);
            if (lane % 4 == 0)
            {
                arrays[PARTIAL_SCORE * ROWS + row] = u;
                arrays[PARTIAL_SQUARE * ROWS + row] = uu;
                arrays[PARTIAL_EXP * ROWS + row] = e;
                arrays[PARTIAL_RANK * ROWS + row] = __uint_as_float(scalars.rank[scalar_place() + r]);
#if FT_RUNNING_MAX
                arrays[PARTIAL_SHIFT * ROWS + row] = scalars.shift[scalar_place() + r];
#else
                arrays[PARTIAL_SHIFT * ROWS + row] = 0.0f;
#endif
            }
        }
    }
};
