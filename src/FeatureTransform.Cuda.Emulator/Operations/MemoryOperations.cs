using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Memory;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>Loads and stores. Size is the element, Count their number, Target the double-word registers of the list.</summary>
internal static unsafe class MemoryOperations
{
    public static void Load(Warp w, Op* op)
    {
        w.ComputeAddresses(op, op->A, (op->Wide & Wide.A) != 0, op->Immediate);
        uint todo = w.Mask;
        int bytes = op->Size * op->Count;
        while (todo != 0)
        {
            uint part = w.Locate(op, ref todo, bytes, Access.Read, out Region region);
            if (part == 0)
            {
                return;
            }
            if (IsShared(w, op))
            {
                lock (w.Block.Launch.Memory.Atomics)
                {
                    Load(w, op, region, part, bytes);
                }
            }
            else
            {
                Load(w, op, region, part, bytes);
            }
        }
    }

    private static void Load(Warp w, Op* op, Region region, uint part, int bytes)
    {
        w.Block.OnAccess(w, op, region, part, bytes, Access.Read, (MemoryForm)op->Form);
        for (int k = 0; k < op->Count; k++)
        {
            LoadElements(w.R + op->List[k], region.Data + k * op->Size, w.Offsets, part, op, (op->Target >> k & 1) != 0);
        }
    }

    public static void Store(Warp w, Op* op)
    {
        w.ComputeAddresses(op, op->A, (op->Wide & Wide.A) != 0, op->Immediate);
        uint todo = w.Mask;
        int bytes = op->Size * op->Count;
        while (todo != 0)
        {
            uint part = w.Locate(op, ref todo, bytes, Access.Write, out Region region);
            if (part == 0)
            {
                return;
            }
            if (IsShared(w, op))
            {
                lock (w.Block.Launch.Memory.Atomics)
                {
                    Store(w, op, region, part, bytes);
                }
            }
            else
            {
                Store(w, op, region, part, bytes);
            }
        }
    }

    private static void Store(Warp w, Op* op, Region region, uint part, int bytes)
    {
        w.Block.OnAccess(w, op, region, part, bytes, Access.Write, (MemoryForm)op->Form);
        for (int k = 0; k < op->Count; k++)
        {
            StoreElements(w.R + op->List[k], region.Data + k * op->Size, w.Offsets, part, op->Size, (op->Target >> k & 1) != 0);
        }
    }

    // An access by which blocks on several cores communicate: what the check notes and what memory holds change together.
    private static bool IsShared(Warp w, Op* op) =>
        w.Block.Launch.HasWorkers && ((MemoryForm)op->Form & MemoryForm.Strong) != 0;

    /// <summary>A kernel parameter at a fixed place: one value for all lanes.</summary>
    public static void LoadKernelParam(Warp w, Op* op)
    {
        Region parameters = w.Block.Launch.Parameters;
        int bytes = op->Size * op->Count;
        if ((ulong)op->Immediate + (ulong)bytes > parameters.Size)
        {
            w.ComputeAddresses(op, -1, true, op->Immediate);
            uint todo = w.Mask;
            w.Locate(op, ref todo, bytes, Access.Read, out _); // reports
            return;
        }
        for (int k = 0; k < op->Count; k++)
        {
            ulong value = Read(parameters.Data + op->Immediate + k * op->Size, op);
            byte* d = w.R + op->List[k];
            if ((op->Target >> k & 1) != 0)
            {
                for (int i = 0; i < 32; i += 8)
                {
                    Lanes.Store(w, (ulong*)d, i, Vector512.Create(value));
                }
            }
            else
            {
                Lanes.Store(w, (uint*)d, Vector512.Create((uint)value), Vector512.Create((uint)value));
            }
        }
    }

    public static void LoadFrameParam(Warp w, Op* op)
    {
        ulong* offsets = FrameOffsets(w, op);
        for (int k = 0; k < op->Count; k++)
        {
            LoadElements(w.R + op->List[k], w.Frame.Params + k * op->Size, offsets, w.Mask, op, (op->Target >> k & 1) != 0);
        }
    }

    public static void StoreFrameParam(Warp w, Op* op)
    {
        ulong* offsets = FrameOffsets(w, op);
        for (int k = 0; k < op->Count; k++)
        {
            StoreElements(w.R + op->List[k], w.Frame.Params + k * op->Size, offsets, w.Mask, op->Size,
                (op->Target >> k & 1) != 0);
        }
    }

    private static ulong* FrameOffsets(Warp w, Op* op)
    {
        w.ComputeAddresses(op, op->A, (op->Wide & Wide.A) != 0, op->Immediate);
        ulong size = (ulong)w.Frame.Function.ParamBytes, last = size - (ulong)(op->Size * op->Count);
        for (uint m = w.Mask; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            if (w.Addresses[lane] > last || last > size)
            {
                throw new KernelFault(KernelFaultKind.IllegalAddress,
                    $"offset {w.Addresses[lane]} lies outside the {size} bytes of parameters of a call");
            }
            w.Offsets[lane] = (ulong)lane * size + w.Addresses[lane];
        }
        return w.Offsets;
    }

    private static ulong Read(byte* from, Op* op) => (op->Size, op->Signed) switch
    {
        (1, false) => *from,
        (1, true) => Extended(*(sbyte*)from, op),
        (2, false) => *(ushort*)from,
        (2, true) => Extended(*(short*)from, op),
        (4, false) => *(uint*)from,
        (4, true) => Extended(*(int*)from, op),
        _ => *(ulong*)from,
    };

    // A sign reaches to the end of the register; Mode is its width.
    private static ulong Extended(long value, Op* op) =>
        op->Mode == 16 ? (ushort)value : op->Mode == 64 ? (ulong)value : (uint)value;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void LoadElements(byte* d, byte* data, ulong* offsets, uint mask, Op* op, bool wide)
    {
        if (op->Size == 4 && !wide)
        {
            LoadWords((uint*)d, data, offsets, mask);
            return;
        }
        if (op->Size == 8)
        {
            for (uint m = mask; m != 0; m &= m - 1)
            {
                int lane = BitOperations.TrailingZeroCount(m);
                ((ulong*)d)[lane] = *(ulong*)(data + offsets[lane]);
            }
            return;
        }
        for (uint m = mask; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            ulong value = Read(data + offsets[lane], op);
            if (wide)
            {
                ((ulong*)d)[lane] = value;
            }
            else
            {
                ((uint*)d)[lane] = (uint)value;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void LoadWords(uint* d, byte* data, ulong* offsets, uint mask)
    {
        if (mask != ~0u)
        {
            for (uint m = mask; m != 0; m &= m - 1)
            {
                int lane = BitOperations.TrailingZeroCount(m);
                d[lane] = *(uint*)(data + offsets[lane]);
            }
            return;
        }
        if (IsContiguous(offsets, 4))
        {
            byte* start = data + offsets[0];
            Vector512.Load((uint*)start).Store(d);
            Vector512.Load((uint*)start + 16).Store(d + 16);
            return;
        }
        for (int lane = 0; lane < 32; lane += 4)
        {
            d[lane] = *(uint*)(data + offsets[lane]);
            d[lane + 1] = *(uint*)(data + offsets[lane + 1]);
            d[lane + 2] = *(uint*)(data + offsets[lane + 2]);
            d[lane + 3] = *(uint*)(data + offsets[lane + 3]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void StoreElements(byte* s, byte* data, ulong* offsets, uint mask, int size, bool wide)
    {
        int step = wide ? 8 : 4; // the low bytes of the register are what is stored
        if (size == 4 && !wide && mask == ~0u && IsContiguous(offsets, 4))
        {
            byte* start = data + offsets[0];
            Vector512.Load((uint*)s).Store((uint*)start);
            Vector512.Load((uint*)s + 16).Store((uint*)start + 16);
            return;
        }
        for (uint m = mask; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            byte* from = s + lane * step, to = data + offsets[lane];
            switch (size)
            {
                case 1:
                    *to = *from;
                    break;
                case 2:
                    *(ushort*)to = *(ushort*)from;
                    break;
                case 4:
                    *(uint*)to = *(uint*)from;
                    break;
                default:
                    *(ulong*)to = *(ulong*)from;
                    break;
            }
        }
    }

    /// <summary>Whether the lanes follow each other without gaps.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsContiguous(ulong* offsets, ulong step)
    {
        Vector512<ulong> ramp = Vector512.Create(0ul, 1, 2, 3, 4, 5, 6, 7) * step + Vector512.Create(offsets[0]);
        return Vector512.EqualsAll(Vector512.Load(offsets), ramp)
            && Vector512.EqualsAll(Vector512.Load(offsets + 8), ramp + Vector512.Create(8 * step))
            && Vector512.EqualsAll(Vector512.Load(offsets + 16), ramp + Vector512.Create(16 * step))
            && Vector512.EqualsAll(Vector512.Load(offsets + 24), ramp + Vector512.Create(24 * step));
    }
}
