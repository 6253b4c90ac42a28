using System.Numerics;
using FeatureTransform.Cuda.Emulator.Execution;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>
/// Bodies of the warp-wide operations: the lanes of Peers have put their values into Exchange, the lanes of Mask take the result.
/// </summary>
internal static unsafe class WarpOperations
{
    /// <summary>shfl.sync: B is the lane or distance, the list holds the clamp and segment word.</summary>
    public static void Shuffle(Warp w, Op* op)
    {
        byte* r = w.R;
        uint valid = 0, undefined = 0;
        uint* results = (uint*)w.Data;
        for (uint m = w.Mask; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            int b = (int)(((uint*)(r + op->B))[lane] & 31);
            uint word = ((uint*)(r + op->List[0]))[lane];
            int clamp = (int)word & 31, segment = (int)(word >> 8) & 31;
            int most = (lane & segment) | (clamp & ~segment & 31), least = lane & segment;
            (int source, bool ok) = op->Mode switch
            {
                0 => (lane - b, lane - b >= most),
                1 => (lane + b, lane + b <= most),
                2 => (lane ^ b, (lane ^ b) <= most),
                _ => (least | (b & ~segment), (least | (b & ~segment)) <= most),
            };
            source = ok ? source : lane;
            if ((w.Peers >> source & 1) == 0)
            {
                undefined |= 1u << lane;
                source = lane;
            }
            results[lane] = (uint)w.Exchange[source];
            valid |= ok ? 1u << lane : 0;
        }
        var d = (uint*)(r + op->D);
        for (uint m = w.Mask; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            d[lane] = results[lane];
        }
        if (op->Signed)
        {
            PredicateOperations.Put(w, op->D2, valid);
        }
        if (undefined != 0)
        {
            w.Block.Report(w, op, Checks.Synchronization, "shuffle from inactive lane", undefined, 0,
                $"lanes 0x{undefined:x8} read a lane that does not take part (0x{w.Peers:x8} do); their result is undefined");
        }
    }

    public static void Vote(Warp w, Op* op)
    {
        uint bits = (uint)w.Exchange[0] & w.Peers;
        if (op->Mode == 3)
        {
            Fill(w, op->D, bits);
            return;
        }
        bool holds = op->Mode switch
        {
            0 => bits == w.Peers,
            1 => bits != 0,
            _ => bits == w.Peers || bits == 0,
        };
        PredicateOperations.Put(w, op->D, holds ? ~0u : 0);
    }

    public static void MatchAny(Warp w, Op* op)
    {
        for (uint m = w.Mask; m != 0; m &= m - 1)
        {
            int lane = BitOperations.TrailingZeroCount(m);
            uint same = 0;
            for (uint p = w.Peers; p != 0; p &= p - 1)
            {
                int peer = BitOperations.TrailingZeroCount(p);
                same |= w.Exchange[peer] == w.Exchange[lane] ? 1u << peer : 0;
            }
            ((uint*)(w.R + op->D))[lane] = same;
        }
    }

    public static void MatchAll(Warp w, Op* op)
    {
        ulong first = w.Exchange[BitOperations.TrailingZeroCount(w.Peers)];
        bool all = true;
        for (uint p = w.Peers; p != 0; p &= p - 1)
        {
            all &= w.Exchange[BitOperations.TrailingZeroCount(p)] == first;
        }
        Fill(w, op->D, all ? w.Peers : 0);
        if (op->Signed)
        {
            PredicateOperations.Put(w, op->D2, all ? ~0u : 0);
        }
    }

    public static void Redux(Warp w, Op* op)
    {
        uint? total = null;
        for (uint p = w.Peers; p != 0; p &= p - 1)
        {
            var x = (uint)w.Exchange[BitOperations.TrailingZeroCount(p)];
            total = total is not { } t ? x : op->Mode switch
            {
                0 => t + x,
                1 => op->Signed ? (uint)Math.Min((int)t, (int)x) : Math.Min(t, x),
                2 => op->Signed ? (uint)Math.Max((int)t, (int)x) : Math.Max(t, x),
                3 => t & x,
                4 => t | x,
                _ => t ^ x,
            };
        }
        Fill(w, op->D, total ?? 0);
    }

    public static void Elect(Warp w, Op* op)
    {
        int leader = BitOperations.TrailingZeroCount(w.Peers);
        Fill(w, op->D, (uint)leader);
        PredicateOperations.Put(w, op->D2, 1u << leader);
    }

    public static void ActiveMask(Warp w, Op* op) => Fill(w, op->D, w.Mask);

    private static void Fill(Warp w, int offset, uint value)
    {
        for (uint m = w.Mask; m != 0; m &= m - 1)
        {
            ((uint*)(w.R + offset))[BitOperations.TrailingZeroCount(m)] = value;
        }
    }
}
