using System.Numerics;
using System.Runtime.Intrinsics;
using FeatureTransform.Cuda.Emulator.Memory;

namespace FeatureTransform.Cuda.Emulator.Execution;

/// <summary>Windows of the generic address space; global addresses lie below the first.</summary>
internal static class Window
{
    public const int Shift = 56;
    public const ulong Shared = 1ul << Shift;
    public const ulong Local = 2ul << Shift;
    public const ulong Param = 3ul << Shift;
    public const ulong Function = 4ul << Shift;

    /// <summary>
    /// Within shared addresses: one more than the rank of a block of the cluster stands above these bits, 0 for the own block.
    /// </summary>
    public const int RankShift = 24;
}

internal sealed unsafe partial class Warp
{
    private Region? lastRegion;

    /// <summary>Local memory of the lanes, LocalStride bytes each.</summary>
    public Region? Local { get; private set; }

    public ulong LocalStride { get; private set; }

    /// <summary>Makes room for as many bytes of local memory a lane, keeping what is there.</summary>
    public void EnsureLocal(int bytes)
    {
        ulong stride = (ulong)((bytes + 15) & ~15);
        if (stride <= LocalStride)
        {
            return;
        }
        if (stride > 1ul << 20)
        {
            throw new KernelFault(KernelFaultKind.StackOverflow, "a thread uses more than 1 MiB of local memory");
        }
        stride = Math.Max(stride, 2 * LocalStride);
        var grown = new Region("local memory", 0, 32 * stride);
        if (Local is { } old)
        {
            for (ulong lane = 0; lane < 32; lane++)
            {
                Buffer.MemoryCopy(old.Data + lane * LocalStride, grown.Data + lane * stride, stride, LocalStride);
                Buffer.MemoryCopy(old.Written + lane * LocalStride / 8, grown.Written + lane * stride / 8, stride / 8,
                    LocalStride / 8);
            }
            old.Dispose();
        }
        (Local, LocalStride) = (grown, stride);
    }

    /// <summary>Puts the addresses of the executing lanes into <see cref="Addresses"/>.</summary>
    public void ComputeAddresses(Op* op, int register, bool wide, long offset)
    {
        if (register < 0)
        {
            var all = Vector512.Create((ulong)offset);
            for (int i = 0; i < 32; i += 8)
            {
                all.Store(Addresses + i);
            }
        }
        else if (wide)
        {
            var added = Vector512.Create((ulong)offset);
            var source = (ulong*)(R + register);
            for (int i = 0; i < 32; i += 8)
            {
                (Vector512.Load(source + i) + added).Store(Addresses + i);
            }
        }
        else
        {
            var source = (uint*)(R + register);
            for (int i = 0; i < 32; i++)
            {
                Addresses[i] = source[i] + (uint)offset;
            }
        }
    }

    /// <summary>
    /// Finds where lanes of <paramref name="todo"/> lead. Takes those of them that lie in one region, in bounds and aligned, out
    /// of it, with their <see cref="Offsets"/>; lanes that lead nowhere are reported and taken out too.
    /// </summary>
    public uint Locate(Op* op, ref uint todo, int bytes, Access access, out Region region)
    {
        while (todo != 0)
        {
            int first = BitOperations.TrailingZeroCount(todo);
            ulong address = Addresses[first];
            StateSpaceCode space = op->Space;
            ulong window = 0;
            if (space == StateSpaceCode.Generic)
            {
                window = address >> Window.Shift << Window.Shift;
                space = window switch
                {
                    Window.Shared => StateSpaceCode.Shared,
                    Window.Local => StateSpaceCode.Local,
                    Window.Param => StateSpaceCode.KernelParam,
                    _ => StateSpaceCode.Global,
                };
                window = space == StateSpaceCode.Global ? 0 : window;
            }
            else if (space == StateSpaceCode.Shared && address >> Window.Shift == 1)
            {
                window = Window.Shared; // ld.shared with a generic address register left as it is
            }
            Region? found = space switch
            {
                StateSpaceCode.Global => FindGlobal(address),
                StateSpaceCode.Shared => Block.SharedOf((uint)((address - window) >> Window.RankShift),
                    out ulong rank) is { } shared
                    ? WithBase(shared, ref window, rank << Window.RankShift) : null,
                StateSpaceCode.Local => Local,
                StateSpaceCode.KernelParam => Block.Launch.Parameters,
                _ => throw new InvalidOperationException("call parameters are not located"),
            };
            if (found is null)
            {
                Fault(op, 1u << first, bytes, access, space);
                todo &= ~(1u << first);
                continue;
            }
            region = found;
            Block.CheckAlive(this, op, region, 1u << first);
            uint part = space == StateSpaceCode.Local
                ? PlaceLocal(todo, window, bytes)
                : Place(todo, region.Address + window, region.Size, bytes);
            if ((part >> first & 1) == 0 || region.IsReadOnly && access != Access.Read)
            {
                Fault(op, 1u << first, bytes, access, space);
                todo &= ~(1u << first);
                continue;
            }
            todo &= ~part;
            uint misaligned = bytes == 1 ? 0 : Misaligned(part, (uint)bytes - 1);
            if (misaligned != 0)
            {
                Misalignment(op, misaligned, bytes, access);
                part &= ~misaligned;
                if (part == 0)
                {
                    continue;
                }
            }
            return part;
        }
        region = null!;
        return 0;
    }

    private static Region WithBase(Region region, ref ulong window, ulong add)
    {
        window += add;
        return region;
    }

    private Region? FindGlobal(ulong address)
    {
        Region? last = lastRegion;
        if (last is not null && address - last.Address < last.Size && !last.IsFreed)
        {
            return last;
        }
        return lastRegion = Block.Launch.Memory.Find(address);
    }

    // Offsets from the base, and the lanes whose whole access lies within the size.
    private uint Place(uint lanes, ulong start, ulong size, int bytes)
    {
        if (size < (ulong)bytes)
        {
            return 0;
        }
        var origin = Vector512.Create(start);
        var last = Vector512.Create(size - (ulong)bytes);
        uint inside = 0;
        for (int i = 0; i < 32; i += 8)
        {
            Vector512<ulong> offset = Vector512.Load(Addresses + i) - origin;
            offset.Store(Offsets + i);
            inside |= (uint)Vector512.LessThanOrEqual(offset, last).ExtractMostSignificantBits() << i;
        }
        return inside & lanes;
    }

    private uint PlaceLocal(uint lanes, ulong window, int bytes)
    {
        uint inside = 0;
        for (uint m = lanes; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            ulong offset = Addresses[lane] - window;
            Offsets[lane] = (ulong)lane * LocalStride + offset;
            inside |= offset <= LocalStride - (ulong)bytes && LocalStride >= (ulong)bytes ? 1u << lane : 0;
        }
        return inside;
    }

    private uint Misaligned(uint lanes, ulong below)
    {
        var low = Vector512.Create(below);
        uint bad = 0;
        for (int i = 0; i < 32; i += 8)
        {
            bad |= ~(uint)Vector512.Equals(Vector512.Load(Addresses + i) & low, Vector512<ulong>.Zero)
                .ExtractMostSignificantBits() << i & 0xFFu << i;
        }
        return bad & lanes;
    }

    private void Fault(Op* op, uint lane, int bytes, Access access, StateSpaceCode space)
    {
        ulong address = Addresses[BitOperations.TrailingZeroCount(lane)];
        string where = space switch
        {
            StateSpaceCode.Shared => $"the block has {Block.SharedBytes} bytes of shared memory",
            StateSpaceCode.Local => $"the thread has {LocalStride} bytes of local memory",
            StateSpaceCode.KernelParam => $"the kernel has {Block.Launch.Parameters.Size} bytes of parameters",
            _ => Block.Launch.Memory.Describe(address, bytes),
        };
        bool constant = space == StateSpaceCode.Global && access != Access.Read
            && Block.Launch.Memory.Find(address) is { IsReadOnly: true };
        bool freed = space == StateSpaceCode.Global && Block.Launch.Memory.FindNear(address) is { IsFreed: true } near
            && address - near.Address < near.Size;
        string kind = constant ? "write to constant memory" : freed ? "use after free" : "out of bounds";
        Block.Report(this, op, Checks.Memory, kind, lane, address,
            $"{access.ToString().ToLowerInvariant()} of {bytes} bytes at 0x{address:x} of "
            + $"{space.ToString().ToLowerInvariant()} memory: {where}");
        Block.Launch.Fail(KernelFaultKind.IllegalAddress, $"an address was illegal: 0x{address:x}");
    }

    private void Misalignment(Op* op, uint lanes, int bytes, Access access)
    {
        ulong address = Addresses[BitOperations.TrailingZeroCount(lanes)];
        Block.Report(this, op, Checks.Memory, "misaligned", lanes, address,
            $"{access.ToString().ToLowerInvariant()} of {bytes} bytes at 0x{address:x}, which is no multiple of {bytes}");
        Block.Launch.Fail(KernelFaultKind.MisalignedAddress, $"an address was misaligned: 0x{address:x}");
    }
}

internal enum Access : byte
{
    Read,
    Write,
    Atomic,
}
