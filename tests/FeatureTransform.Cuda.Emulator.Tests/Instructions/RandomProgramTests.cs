using System.Globalization;
using System.Numerics;
using System.Text;

namespace FeatureTransform.Cuda.Emulator.Tests.Instructions;

/// <summary>
/// Random programs with branches and loops against a second evaluator, which runs thread after thread and knows nothing of warps:
/// decoding, register allocation, masks and divergence must not show.
/// </summary>
public class RandomProgramTests
{
    private const int Registers = 12, Threads = 96;

    private static readonly (string Form, Func<uint, uint, uint, uint> Apply)[] Operations =
    [
        ("add.u32", (a, b, _) => a + b),
        ("sub.u32", (a, b, _) => a - b),
        ("mul.lo.u32", (a, b, _) => a * b),
        ("mul.hi.u32", (a, b, _) => (uint)((ulong)a * b >> 32)),
        ("mul.hi.s32", (a, b, _) => (uint)((long)(int)a * (int)b >> 32)),
        ("and.b32", (a, b, _) => a & b),
        ("or.b32", (a, b, _) => a | b),
        ("xor.b32", (a, b, _) => a ^ b),
        ("min.s32", (a, b, _) => (uint)Math.Min((int)a, (int)b)),
        ("max.u32", (a, b, _) => Math.Max(a, b)),
        ("shl.b32", (a, b, _) => b > 31 ? 0 : a << (int)b),
        ("shr.u32", (a, b, _) => b > 31 ? 0 : a >> (int)b),
        ("shr.s32", (a, b, _) => (uint)((int)a >> (int)Math.Min(b, 31))),
        ("mad.lo.u32", (a, b, c) => a * b + c),
        ("sad.u32", (a, b, c) => (a > b ? a - b : b - a) + c),
        ("shf.l.wrap.b32", (a, b, c) => (uint)(((ulong)b << 32 | a) << (int)(c & 31) >> 32)),
        ("popc.b32", (a, _, _) => (uint)BitOperations.PopCount(a)),
        ("clz.b32", (a, _, _) => (uint)BitOperations.LeadingZeroCount(a)),
        ("not.b32", (a, _, _) => ~a),
        ("neg.s32", (a, _, _) => 0 - a),
        ("add.rn.f32", (a, b, _) => Bits(Value(a) + Value(b))),
        ("mul.rn.f32", (a, b, _) => Bits(Value(a) * Value(b))),
        ("fma.rn.f32", (a, b, c) => Bits(MathF.FusedMultiplyAdd(Value(a), Value(b), Value(c)))),
        ("cvt.rn.f32.s32", (a, _, _) => Bits((int)a)),
    ];

    private static float Value(uint bits) => BitConverter.UInt32BitsToSingle(bits);

    private static uint Bits(float value) => float.IsNaN(value) ? 0x7FFFFFFF : BitConverter.SingleToUInt32Bits(value);

    [Fact]
    public void Programs_do_what_a_thread_alone_would_do()
    {
        int count = Environment.GetEnvironmentVariable("FT_FULL") == "1" ? 2000 : 60;
        for (int seed = 0; seed < count; seed++)
        {
            var random = new Random(seed);
            var statements = new List<Statement>();
            Fill(random, statements, depth: 0);
            uint[] input = [.. Enumerable.Range(0, Threads * Registers).Select(_ => (uint)random.NextInt64(1L << 32) >> random.Next(32))];
            uint[] expected = [.. input];
            for (int t = 0; t < Threads; t++)
            {
                Evaluate(statements, expected.AsSpan(t * Registers, Registers));
            }
            string text = Write(statements);
            using var device = new PtxRunner(new EmulatorOptions { OrderSeed = seed % 3 });
            ulong address = device.Allocate<uint>(input);
            device.Launch(device.Load(text), "test", new Dim3(1), new Dim3(Threads), BitConverter.GetBytes(address)).ThrowIfUnclean();
            uint[] got = device.Read<uint>(address, input.Length);
            int wrong = Enumerable.Range(0, got.Length).FirstOrDefault(i => got[i] != expected[i], -1);
            Assert.True(wrong < 0, $"seed {seed}, thread {wrong / Registers}, register {wrong % Registers}\n{text}");
        }
    }

    private sealed record Statement(int Operation, int D, int A, int B, int C, uint? Number)
    {
        /// <summary>A branch: a compared with b decides between two lists; a loop repeats the first a few times.</summary>
        public List<Statement>? Then { get; init; }

        public List<Statement>? Else { get; init; }

        public bool IsLoop { get; init; }
    }

    private static void Fill(Random random, List<Statement> list, int depth)
    {
        for (int n = random.Next(2, depth == 0 ? 12 : 6); n > 0; n--)
        {
            var statement = new Statement(random.Next(Operations.Length), random.Next(Registers), random.Next(Registers),
                random.Next(Registers), random.Next(Registers), random.Next(4) == 0 ? (uint)random.Next(64) : null);
            if (depth < 4 && random.Next(3) == 0)
            {
                statement = statement with { Then = [], Else = random.Next(2) == 0 ? [] : null, IsLoop = random.Next(3) == 0 };
                Fill(random, statement.Then!, depth + 1);
                if (statement.Else is not null && !statement.IsLoop)
                {
                    Fill(random, statement.Else, depth + 1);
                }
            }
            list.Add(statement);
        }
    }

    private static void Evaluate(List<Statement> list, Span<uint> r)
    {
        foreach (Statement s in list)
        {
            if (s.IsLoop)
            {
                for (uint left = r[s.A] & 3; left > 0; left--)
                {
                    Evaluate(s.Then!, r);
                }
            }
            else if (s.Then is not null)
            {
                if (r[s.A] < r[s.B])
                {
                    Evaluate(s.Then, r);
                }
                else if (s.Else is not null)
                {
                    Evaluate(s.Else, r);
                }
            }
            else
            {
                r[s.D] = Operations[s.Operation].Apply(r[s.A], s.Number ?? r[s.B], r[s.C]);
            }
        }
    }

    private static string Write(List<Statement> statements)
    {
        var text = new StringBuilder(".version 8.4\n.target sm_80\n.address_size 64\n.visible .entry test(.param .u64 x_)\n{\n"
            + ".reg .pred %p<999>; .reg .b32 %r<20>; .reg .b32 %l<999>; .reg .b64 %rd<4>;\n"
            + "ld.param.u64 %rd1, [x_]; mov.u32 %r19, %tid.x; mad.wide.u32 %rd1, %r19, 48, %rd1;\n");
        for (int k = 0; k < Registers; k++)
        {
            text.Append(CultureInfo.InvariantCulture, $"ld.global.u32 %r{k}, [%rd1+{4 * k}];\n");
        }
        int labels = 0;
        Write(statements, text, ref labels);
        for (int k = 0; k < Registers; k++)
        {
            text.Append(CultureInfo.InvariantCulture, $"st.global.u32 [%rd1+{4 * k}], %r{k};\n");
        }
        return text.Append("ret;\n}\n").ToString();
    }

    private static void Write(List<Statement> list, StringBuilder text, ref int labels)
    {
        foreach (Statement s in list)
        {
            int id = ++labels;
            CultureInfo c = CultureInfo.InvariantCulture;
            if (s.IsLoop)
            {
                text.Append(c, $"and.b32 %l{id}, %r{s.A}, 3;\nHEAD{id}:\nsetp.eq.u32 %p{id}, %l{id}, 0;\n@%p{id} bra END{id};\n");
                text.Append(c, $"sub.u32 %l{id}, %l{id}, 1;\n");
                Write(s.Then!, text, ref labels);
                text.Append(c, $"bra HEAD{id};\nEND{id}:\n");
            }
            else if (s.Then is not null)
            {
                text.Append(c, $"setp.lt.u32 %p{id}, %r{s.A}, %r{s.B};\n@!%p{id} bra ELSE{id};\n");
                Write(s.Then, text, ref labels);
                text.Append(c, $"bra END{id};\nELSE{id}:\n");
                if (s.Else is not null)
                {
                    Write(s.Else, text, ref labels);
                }
                text.Append(c, $"END{id}:\n");
            }
            else
            {
                string form = Operations[s.Operation].Form;
                int sources = form.StartsWith("mad", StringComparison.Ordinal) || form.StartsWith("sad", StringComparison.Ordinal)
                    || form.StartsWith("shf", StringComparison.Ordinal) || form.StartsWith("fma", StringComparison.Ordinal) ? 3
                    : form is "popc.b32" or "clz.b32" or "not.b32" or "neg.s32" or "cvt.rn.f32.s32" ? 1 : 2;
                bool isFloat = form.EndsWith("f32", StringComparison.Ordinal) && !form.StartsWith("cvt", StringComparison.Ordinal);
                string b = s.Number is not { } number ? $"%r{s.B}" : isFloat ? $"0f{number:X8}" : number.ToString(c);
                text.Append(c, $"{form} %r{s.D}, %r{s.A}{(sources > 1 ? $", {b}" : "")}{(sources > 2 ? $", %r{s.C}" : "")};\n");
            }
        }
    }
}
