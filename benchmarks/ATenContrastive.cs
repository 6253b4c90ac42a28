using FeatureTransform.LibTorch;
using FeatureTransform.Native;

namespace FeatureTransform.Benchmarks;

/// <summary>
/// The baseline: the same mathematics as ATen operators one by one, on LibTorch's threads. Mixed queue (index_select, lerp;
/// in scope element with Dirichlet draws, as torch.distributions.Beta does), logits (mm), log-sum-exp, softmax, statistics,
/// gradient (mm). It is given the mixed queries and the permutation for nothing.
/// </summary>
internal sealed unsafe class ATenContrastive : IDisposable
{
    private readonly int k, c;
    private readonly bool element;
    private readonly nint query, queue, order, weight, concentration, scale, positive, one, zero, ones;

    public ATenContrastive(ReadOnlySpan<float> mixedQuery, ReadOnlySpan<float> positiveScore, FeatureQueue queue, float lambda, bool element, float alpha, float tau)
    {
        (k, c, this.element) = (queue.K, queue.C, element);
        int n = mixedQuery.Length / c;
        query = New([n, c], mixedQuery);
        this.queue = New([k, c], queue.Float32);
        positive = New([n, 1], positiveScore);
        weight = New([1], [lambda]);
        scale = New([1], [1 / tau]);
        one = New([1], [1]);
        zero = New([1], [0]);
        var units = new float[k];
        units.AsSpan().Fill(1);
        ones = New([k, 1], units);
        var concentrations = new float[element ? 2 * k * c : 2];
        concentrations.AsSpan().Fill(alpha);
        concentration = element ? New([k, c, 2], concentrations) : New([1, 2], concentrations);
        order = ATen.Empty(Long, [k], [1]);
        Permutation.Of(0, 1, 0, k).Fill(0, Indices(out int[] indices));
        for (int i = 0; i < k; i++)
        {
            ((long*)ATen.Data(order))[i] = indices[i];
        }

        Span<int> Indices(out int[] array) => array = new int[queue.K];
    }

    // c10::ScalarType::Long
    private static int Long => 4;

    /// <summary>One step; returns log-sum-exp of the negatives of the first row.</summary>
    public float Run()
    {
        nint partners = Call("aten::index_select\0"u8, "\0"u8, Tensor(queue), 0, Tensor(order));
        nint draws = element ? Call("aten::_sample_dirichlet\0"u8, "\0"u8, Tensor(concentration), 0) : 0;
        nint lambda = element ? ATen.Blob(ATen.Data(draws), ATen.Float32, [k, c], [2L * c, 2]) : 0;
        nint mixed = Call("aten::lerp\0"u8, "Tensor\0"u8, Tensor(partners), Tensor(queue), Tensor(element ? lambda : weight));
        nint transposed = Call("aten::t\0"u8, "\0"u8, Tensor(mixed));
        nint scores = Call("aten::mm\0"u8, "\0"u8, Tensor(query), Tensor(transposed));
        nint logits = Call("aten::mul\0"u8, "Tensor\0"u8, Tensor(scores), Tensor(scale));
        nint total = Call("aten::logsumexp\0"u8, "\0"u8, Tensor(logits), ATen.List(1), 0);
        nint probabilities = Call("aten::_softmax\0"u8, "\0"u8, Tensor(logits), 1, 0);
        nint gradient = Call("aten::mm\0"u8, "\0"u8, Tensor(probabilities), Tensor(mixed));

        // Statistics: sums over the keys are products with ones.
        nint exp = Call("aten::exp\0"u8, "\0"u8, Tensor(logits));
        nint square = Call("aten::mul\0"u8, "Tensor\0"u8, Tensor(scores), Tensor(scores));
        nint above = Call("aten::gt\0"u8, "Tensor\0"u8, Tensor(scores), Tensor(positive));
        nint count = Call("aten::where\0"u8, "self\0"u8, Tensor(above), Tensor(one), Tensor(zero));
        nint scoreSum = Call("aten::mm\0"u8, "\0"u8, Tensor(scores), Tensor(ones));
        nint squareSum = Call("aten::mm\0"u8, "\0"u8, Tensor(square), Tensor(ones));
        nint expSum = Call("aten::mm\0"u8, "\0"u8, Tensor(exp), Tensor(ones));
        nint rank = Call("aten::mm\0"u8, "\0"u8, Tensor(count), Tensor(ones));
        float result = *(float*)ATen.Data(total);
        foreach (nint tensor in new[]
        {
            partners, lambda, draws, mixed, transposed, scores, logits, total, probabilities, gradient, exp, square, above,
            count, scoreSum, squareSum, expSum, rank,
        })
        {
            ATen.Delete(tensor);
        }

        return result;
    }

    public void Dispose()
    {
        foreach (nint tensor in new[] { query, queue, order, weight, concentration, scale, positive, one, zero, ones })
        {
            ATen.Delete(tensor);
        }
    }

    private static ulong Tensor(nint tensor) => ATen.Argument(tensor);

    private static nint Call(ReadOnlySpan<byte> name, ReadOnlySpan<byte> overload, params ReadOnlySpan<ulong> arguments)
    {
        ulong* stack = stackalloc ulong[8];
        arguments.CopyTo(new Span<ulong>(stack, 8));
        ATen.Call(name, overload, stack);
        return (nint)stack[0];
    }

    private static nint New(ReadOnlySpan<long> sizes, ReadOnlySpan<float> values)
    {
        Span<long> strides = stackalloc long[sizes.Length];
        long stride = 1;
        for (int i = sizes.Length - 1; i >= 0; i--)
        {
            strides[i] = stride;
            stride *= sizes[i];
        }

        nint tensor = ATen.Empty(ATen.Float32, sizes, strides);
        values.CopyTo(new Span<float>(ATen.Data(tensor), values.Length));
        return tensor;
    }
}
