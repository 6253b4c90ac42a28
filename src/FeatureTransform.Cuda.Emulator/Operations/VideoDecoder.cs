using FeatureTransform.Cuda.Emulator.Decoding;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>Decodes the video instructions on bytes and half words: vadd2, vadd4 and their like. Mode is the operation.</summary>
internal static unsafe class VideoDecoder
{
    private static readonly string[] Names = ["vadd", "vsub", "vabsdiff", "vmin", "vmax", "vset"];
    private static readonly string[] Comparisons = ["eq", "ne", "lt", "le", "gt", "ge"];

    public static void Register(Dictionary<string, Action<FunctionDecoder, PtxInstruction>> table)
    {
        foreach (string name in Names)
        {
            table[name + "2"] = table[name + "4"] = Decode;
        }
    }

    private static void Decode(FunctionDecoder d, PtxInstruction i)
    {
        Draft draft = d.Scalar(i, &Run, PtxType.B32, PtxType.B32, PtxType.B32, PtxType.B32);
        bool set = i.Opcode.StartsWith("vset", StringComparison.Ordinal);
        PtxType target = set ? PtxType.U32 : i.Types[0], a = i.Types[set ? 0 : 1], b = i.Types[set ? 1 : 2];
        draft.Op.Mode = (byte)Array.IndexOf(Names, i.Opcode[..^1]);
        draft.Op.Size = (byte)(i.Opcode[^1] == '2' ? 16 : 8);
        draft.Op.Form = (byte)((a.IsSigned() ? 1 : 0) | (b.IsSigned() ? 2 : 0) | (target.IsSigned() ? 4 : 0)
            | (i.Has("sat") ? 8 : 0) | (i.Has("add") ? 16 : 0));
        if (set)
        {
            draft.Op.Count = (byte)Array.IndexOf(Comparisons, i.Pick("", "eq", "ne", "lt", "le", "gt", "ge"));
            if (draft.Op.Count > 5)
            {
                throw i.Refuse("a comparison is needed");
            }
        }
    }

    private static ulong Run(ulong a, ulong b, ulong c, Op* op)
    {
        int width = op->Size, sum = (int)c;
        uint result = 0, part = (1u << width) - 1;
        bool signed = (op->Form & 4) != 0;
        for (int shift = 0; shift < 32; shift += width)
        {
            int x = Extract(a, shift, width, (op->Form & 1) != 0), y = Extract(b, shift, width, (op->Form & 2) != 0);
            int value = op->Mode switch
            {
                0 => x + y,
                1 => x - y,
                2 => Math.Abs(x - y),
                3 => Math.Min(x, y),
                4 => Math.Max(x, y),
                _ => Holds(op->Count, x, y) ? 1 : 0,
            };
            if ((op->Form & 8) != 0)
            {
                value = Math.Clamp(value, signed ? -(1 << (width - 1)) : 0, signed ? (1 << (width - 1)) - 1 : (int)part);
            }
            sum += value;
            result |= ((uint)value & part) << shift;
        }
        return (op->Form & 16) != 0 ? (uint)sum : result;
    }

    private static int Extract(ulong a, int shift, int width, bool signed) => (width, signed) switch
    {
        (8, true) => (sbyte)(a >> shift),
        (8, false) => (byte)(a >> shift),
        (_, true) => (short)(a >> shift),
        _ => (ushort)(a >> shift),
    };

    private static bool Holds(int comparison, int x, int y) => comparison switch
    {
        0 => x == y,
        1 => x != y,
        2 => x < y,
        3 => x <= y,
        4 => x > y,
        _ => x >= y,
    };
}
