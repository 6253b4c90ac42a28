using System.Globalization;
using System.Numerics;
using System.Text;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Memory;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>The functions of the device's runtime that kernels may call. Their arguments lie in the frame's parameters.</summary>
internal static unsafe class SystemCalls
{
    /// <summary>int vprintf(const char* format, void* arguments).</summary>
    public static void Print(Warp w, Op* op)
    {
        for (uint m = w.Mask; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            string format = Text(w, lane, Argument(w, op, 0, lane));
            ulong arguments = Argument(w, op, 1, lane);
            string text = Format(w, lane, format, arguments);
            w.Block.Launch.Output?.Invoke(text);
            *(int*)Return(w, op, lane) = format.Length;
        }
    }

    /// <summary>void __assertfail(message, file, line, function, charSize).</summary>
    public static void AssertionFailed(Warp w, Op* op)
    {
        int lane = BitOperations.TrailingZeroCount(w.Mask);
        string message = $"{Text(w, lane, Argument(w, op, 1, lane))}:{(uint)Argument(w, op, 2, lane)}: "
            + $"{Text(w, lane, Argument(w, op, 3, lane))}: assertion `{Text(w, lane, Argument(w, op, 0, lane))}` failed";
        w.Block.Report(w, op, Checks.Memory, "assertion", w.Mask, 0, message);
        throw new KernelFault(KernelFaultKind.Assertion, message);
    }

    public static void Allocate(Warp w, Op* op)
    {
        for (uint m = w.Mask; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            ulong size = Argument(w, op, 0, lane);
            *(ulong*)Return(w, op, lane) = size is 0 or > 1ul << 28 ? 0
                : w.Block.Launch.Memory.Allocate(size, "device malloc").Address;
        }
    }

    public static void Free(Warp w, Op* op)
    {
        for (uint m = w.Mask; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            ulong address = Argument(w, op, 0, lane);
            if (address == 0)
            {
                continue;
            }
            if (w.Block.Launch.Memory.Find(address) is { Name: "device malloc" } region && region.Address == address)
            {
                w.Block.Launch.Memory.Free(region);
            }
            else
            {
                w.Block.Report(w, op, Checks.Memory, "invalid free", 1u << lane, address,
                    $"free of 0x{address:x}, which malloc did not give");
            }
        }
    }

    private static byte* Return(Warp w, Op* op, int lane) => w.Frame.Params + lane * w.Frame.Function.ParamBytes + op->List[1];

    private static ulong Argument(Warp w, Op* op, int index, int lane)
    {
        int at = 1 + 2 * op->List[0] + 2 * index;
        byte* from = w.Frame.Params + lane * w.Frame.Function.ParamBytes + op->List[at];
        return op->List[at + 1] switch { 8 => *(ulong*)from, 4 => *(uint*)from, _ => *from };
    }

    private static byte* Find(Warp w, int lane, ulong address, int bytes)
    {
        ulong window = address >> Window.Shift << Window.Shift;
        Region? region = window switch
        {
            Window.Local => w.Local,
            Window.Shared => w.Block.Shared,
            _ =>
            w.Block.Launch.Memory.Find(address)
        };
        ulong offset = window switch
        {
            Window.Local => address - window + (ulong)lane * w.LocalStride,
            Window.Shared =>
            address - window,
            _ => address - (region?.Address ?? 0)
        };
        return region is not null && offset + (ulong)bytes <= region.Size ? region.Data + offset : null;
    }

    private static string Text(Warp w, int lane, ulong address)
    {
        var bytes = new List<byte>();
        for (byte* at; bytes.Count < 4096 && (at = Find(w, lane, address, 1)) != null && *at != 0; address++)
        {
            bytes.Add(*at);
        }
        return Encoding.UTF8.GetString([.. bytes]);
    }

    // The arguments lie one after the other, aligned to their size: 4 bytes for int, 8 for long, double and pointers.
    private static string Format(Warp w, int lane, string format, ulong arguments)
    {
        var text = new StringBuilder();
        ulong offset = 0;
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 >= format.Length)
            {
                text.Append(format[i]);
                continue;
            }
            int start = i++;
            while (i < format.Length && "-+ #0123456789.*lhjztL".Contains(format[i]))
            {
                i++;
            }
            if (i >= format.Length || format[i] == '%')
            {
                text.Append('%');
                continue;
            }
            string specification = format[start..(i + 1)];
            char kind = format[i];
            bool wide = specification.Contains('l') || specification.Contains('j') || specification.Contains('z')
                || "feEgGaAsp".Contains(kind);
            ulong size = wide ? 8ul : 4;
            offset = (offset + size - 1) & ~(size - 1);
            byte* from = Find(w, lane, arguments + offset, (int)size);
            offset += size;
            ulong value = from == null ? 0 : wide ? *(ulong*)from : *(uint*)from;
            text.Append(kind == 's' ? Text(w, lane, value) : One(specification, kind, value, wide));
        }
        return text.ToString();
    }

    private static string One(string specification, char kind, ulong value, bool wide)
    {
        string flags = specification[1..^1].Replace("l", "", StringComparison.Ordinal).Replace("h", "", StringComparison.Ordinal)
            .Replace("z", "", StringComparison.Ordinal);
        string[] parts = flags.TrimStart('-', '+', ' ', '#').Split('.');
        int precision = parts.Length > 1 && int.TryParse(parts[1], out int p) ? Math.Min(p, 60) : -1;
        bool left = flags.StartsWith('-'), zeros = parts[0].StartsWith('0');
        int width = int.TryParse(parts[0], out int n) ? Math.Min(n, 200) : 0;
        CultureInfo c = CultureInfo.InvariantCulture;
        double real = BitConverter.UInt64BitsToDouble(value);
        string text = kind switch
        {
            'd' or 'i' => wide ? ((long)value).ToString(c) : ((int)value).ToString(c),
            'u' => value.ToString(c),
            'x' => value.ToString("x", c),
            'X' => value.ToString("X", c),
            'o' => Convert.ToString((long)value, 8),
            'c' => ((char)value).ToString(),
            'p' => "0x" + value.ToString("x", c),
            'f' or 'F' => real.ToString("F" + (precision < 0 ? 6 : precision), c),
            'e' or 'E' => real.ToString((kind == 'e' ? "0." + new string('0', precision < 0 ? 6 : precision) + "e+00"
                : "0." + new string('0', precision < 0 ? 6 : precision) + "E+00"), c),
            'g' or 'G' => real.ToString("G" + (precision <= 0 ? 6 : precision), c),
            _ => specification,
        };
        return left ? text.PadRight(width) : text.PadLeft(width, zeros ? '0' : ' ');
    }
}
