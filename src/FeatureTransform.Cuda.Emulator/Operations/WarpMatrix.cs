using System.Numerics;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Memory;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>
/// wmma, whose fragments PTX leaves open: here they are those of two m16n8 products side by side. 16-bit A and B of fp16 have
/// twice
/// the registers they need; the second half repeats the first. Form: 1 is A, 2 an accumulator, 0 B, plus 4 for column-major.
/// </summary>
internal static unsafe class WarpMatrix
{
    public static int Registers(PtxType type, bool accumulator) => (type, accumulator) switch
    {
        (PtxType.F32 or PtxType.S32, true) => 8,
        (PtxType.F16, true) => 4,
        (PtxType.F16, false) => 8,
        (PtxType.BF16 or PtxType.TF32, false) => 4,
        _ => throw new PtxException($"wmma has no fragment of .{type.Name()} here"),
    };

    public static void Load(Warp w, Op* op)
    {
        int bytes = ((PtxType)op->Mode).Bits() / 8;
        for (int register = 0; register < op->ListLength; register++)
        {
            for (int part = 0; part < 4 / bytes; part++)
            {
                if (!Locate(w, op, register, part, bytes, Access.Read, out Region region))
                {
                    return;
                }
                var d = (uint*)(w.R + op->List[register]);
                for (int lane = 0; lane < 32; lane++)
                {
                    byte* from = region.Data + w.Offsets[lane];
                    d[lane] = bytes == 4 ? *(uint*)from : part == 0 ? *(ushort*)from
                        : d[lane] & 0xFFFF | (uint)*(ushort*)from << 16;
                }
            }
        }
    }

    public static void Store(Warp w, Op* op)
    {
        int bytes = ((PtxType)op->Mode).Bits() / 8;
        for (int register = 0; register < op->ListLength; register++)
        {
            for (int part = 0; part < 4 / bytes; part++)
            {
                if (!Locate(w, op, register, part, bytes, Access.Write, out Region region))
                {
                    return;
                }
                var s = (uint*)(w.R + op->List[register]);
                for (int lane = 0; lane < 32; lane++)
                {
                    byte* to = region.Data + w.Offsets[lane];
                    if (bytes == 4)
                    {
                        *(uint*)to = s[lane];
                    }
                    else
                    {
                        *(ushort*)to = (ushort)(s[lane] >> (16 * part));
                    }
                }
            }
        }
    }

    public static void Multiply(Warp w, Op* op)
    {
        bool half = (op->Form & 1) != 0;
        int results = half ? 4 : 8, operands = Registers((PtxType)op->Mode, false);
        uint** registers = stackalloc uint*[32];
        for (int i = 0; i < op->ListLength; i++)
        {
            registers[i] = (uint*)(w.R + op->List[i]);
        }
        for (int n = 0; n < 2; n++)
        {
            MatrixProduct.Multiply(op, registers + n * results / 2, registers + results, registers + results + operands + 2 * n,
                registers + results + 2 * operands + n * results / 2);
        }
    }

    // The element that a part of a register holds in each lane, and where it lies in memory.
    private static bool Locate(Warp w, Op* op, int register, int part, int bytes, Access access, out Region region)
    {
        w.ComputeAddresses(op, op->A, (op->Wide & Wide.A) != 0, op->Immediate);
        bool accumulator = (op->Form & 2) != 0, isA = (op->Form & 1) != 0, columns = (op->Form & 4) != 0;
        for (int lane = 0; lane < 32; lane++)
        {
            int g = lane >> 2, t = lane & 3, row, column;
            if (accumulator)
            {
                int word = bytes == 4 ? register & 3 : (register & 1) * 2 + part;
                (row, column) = (g + (word >> 1) * 8, 2 * t + (word & 1) + (register / (bytes == 4 ? 4 : 2)) * 8);
            }
            else
            {
                int per = 4 / bytes, own = register & 3;
                int k = t * per + part + (isA ? own >> 1 : own & 1) * 4 * per;
                (row, column) = isA ? (g + (own & 1) * 8, k) : (k, g + (own >> 1) * 8);
            }
            // Without a stride rows follow each other.
            int kExtent = bytes == 4 ? 8 : 16;
            uint natural = (uint)(accumulator ? 16 : isA ? columns ? 16 : kExtent : columns ? kExtent : 16);
            uint stride = op->B < 0 ? natural : ((uint*)(w.R + op->B))[lane];
            w.Addresses[lane] += (ulong)(columns ? row + column * (long)stride : column + row * (long)stride) * (ulong)bytes;
        }
        uint todo = ~0u, part0 = w.Locate(op, ref todo, bytes, access, out region);
        if (part0 != ~0u || w.Mask != ~0u)
        {
            return false;
        }
        w.Block.OnAccess(w, op, region, part0, bytes, access);
        return true;
    }
}
