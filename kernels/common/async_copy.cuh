// Copies from global to shared memory that bypass registers (cp.async, sm_80). Groups belong to the thread: after
// copy_async_wait only the issuing thread sees the data; others need a barrier.
#pragma once
#include "types.cuh"

// The 32-bit address within shared memory that the instructions of mma.cuh and of this file take.
__device__ __forceinline__ u32 shared_address(const void* pointer) { return (u32)__cvta_generic_to_shared(pointer); }

// 16 bytes, both addresses aligned to 16; where not wanted, zeros are written and nothing is read.
__device__ __forceinline__ void copy_async16(u32 target, const void* source, bool wanted)
{
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(target), "l"(source), "r"(wanted ? 16 : 0) : "memory");
}

__device__ __forceinline__ void copy_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits until at most PENDING of this thread's groups are under way.
template <int PENDING>
__device__ __forceinline__ void copy_async_wait()
{
    asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
}
