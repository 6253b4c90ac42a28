namespace FeatureTransform.Cuda.Tests;

/// <summary>A small set of kernels: one that is specialised by a macro, and what can be wrong with one.</summary>
internal static class TestKernels
{
    public static readonly KernelVariant Scale2 = new("scale.cu", "FT_FACTOR=2");

    public static readonly KernelVariant Scale3 = new("scale.cu", "FT_FACTOR=3");

    public static Dictionary<string, string> Files => new()
    {
        ["scale.cu"] = """
            #include "common/scale.cuh"
            extern "C" __global__ void __launch_bounds__(128) scale(const ScaleArgs args)
            {
                __shared__ float tile[128];
                const u32 i = blockIdx.x * 128 + threadIdx.x;
                tile[threadIdx.x] = i < args.count ? args.values[i] : 0.0f;
                __syncthreads();
                if (i < args.count)
                    args.values[i] = scaled(tile[127 - threadIdx.x]);
            }
            extern "C" __global__ void __launch_bounds__(32) nothing() {}

            """,
        ["common/scale.cuh"] = """
            #pragma once
            #include "types.cuh"
            #include "common/types.cuh"
            struct ScaleArgs
            {
                float* values;
                u32 count;
            };
            __device__ __forceinline__ float scaled(float x) { return x * FT_FACTOR; }

            """,
        ["common/types.cuh"] = """
            #pragma once
            typedef unsigned int u32;

            """,
        ["wrong.cu"] = """
            #include "common/wrong.cuh"
            extern "C" __global__ void wrong() {}

            """,
        ["common/wrong.cuh"] = """
            // a line
            int f() { return undeclared; }

            """,
        ["warns.cu"] = """
            extern "C" __global__ void warns(int* x)
            {
                int unused = 3;
                x[0] = 1;
            }

            """,
        ["instruction.cu"] = """
            extern "C" __global__ void instruction() { asm volatile("wgmma.fence.sync.aligned;"); }

            """,
        ["calls.cu"] = """
            __noinline__ float f(float x) { return x > 3.0f ? x : sqrtf(x); }
            extern "C" __global__ void calls(float* x) { x[0] = f(x[1]) + f(x[2]); }

            """,
        ["spills.cu"] = """
            extern "C" __global__ void __launch_bounds__(1024, 2) spills(float* x)
            {
                float a[200];
                for (int i = 0; i < 200; i++) a[i] = x[i * 7];
                __syncthreads();
                float s = 0;
                for (int i = 0; i < 200; i++) for (int j = 0; j < 200; j++) s += a[i] * a[j];
                x[0] = s;
            }

            """,
    };

    public static KernelSources Sources => new(Files);

    /// <summary>The sources with one file in place of what it was.</summary>
    public static KernelSources With(string file, string text) => new(new Dictionary<string, string>(Files) { [file] = text });

    /// <summary>Sources with a manifest and a text that need not be PTX.</summary>
    public static KernelSources WithPtx(KernelVariant variant)
    {
        string hash = KernelCompiler.GetHash(Sources, variant, CheckedInPtx.Architecture);
        return new KernelSources(new Dictionary<string, string>(Files)
        {
            ["ptx/manifest.json"] = $$"""
                [{
                  "ptx": "a.ptx", "file": "{{variant.File}}", "defines": ["{{variant.Defines[0]}}"], "hash": "{{hash}}",
                  "nvrtc": "12.4"
                }]
                """,
            ["ptx/a.ptx"] = "PTX\n",
        });
    }
}
