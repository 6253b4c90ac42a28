namespace FeatureTransform.Benchmarks.Static;

/// <summary>
/// The loop in which a kernel spends its time: among the spans of its backward branches the shortest of those with the most
/// tensor products; where there are none, the longest span, and the whole kernel where nothing loops.
/// </summary>
/// <param name="Instructions">All instructions between the branch's target and the branch.</param>
/// <param name="Guarded">Those among them that a conditional forward branch in it skips, holding no tensor product.</param>
/// <param name="Around">
/// The rest of the next loop around it, which prepares for several of its rounds; none where that loop stores to global memory:
/// then it ends one piece of work and begins another.
/// </param>
/// <param name="Nested">Loops within it outside guarded code: where there are any, the counts say too little.</param>
internal sealed record MainLoop(SassInstruction[] Instructions, SassInstruction[] Guarded, SassInstruction[] Around, int Nested)
{
    /// <summary>Finds the main loop of a kernel.</summary>
    public static MainLoop Find(SassInstruction[] code)
    {
        // What follows an unconditional branch to itself is padding; that branch is no loop.
        (int First, int Last)[] spans = [.. code.Select((instruction, index) => (instruction.Target, index))
            .Where(span => span.Target >= 0 && span.Target < span.index)];
        if (spans.Length == 0)
        {
            return Of(code, (0, Array.FindLastIndex(code, instruction => instruction.Name == "EXIT")), spans);
        }

        int most = spans.Max(span => Tensor(code, span));
        IOrderedEnumerable<(int First, int Last)> best = spans.Where(span => Tensor(code, span) == most)
            .OrderBy(span => most > 0 ? span.Last - span.First : span.First - span.Last);
        return Of(code, best.First(), spans);
    }

    private static MainLoop Of(SassInstruction[] code, (int First, int Last) loop, (int First, int Last)[] spans)
    {
        bool[] guarded = new bool[code.Length];
        for (int i = loop.First; i <= loop.Last; i++)
        {
            (int First, int Last) skipped = (i + 1, code[i].Target - 1);
            if (code[i].Predicated && skipped.Last >= skipped.First && skipped.Last < loop.Last && Tensor(code, skipped) == 0)
            {
                Array.Fill(guarded, true, skipped.First, skipped.Last - skipped.First + 1);
            }
        }

        return new(
            code[loop.First..(loop.Last + 1)],
            [.. code.Where((_, index) => guarded[index])],
            FindAround(code, loop, spans),
            spans.Count(span => span != loop && span.First >= loop.First && span.Last <= loop.Last && !guarded[span.Last]));
    }

    private static SassInstruction[] FindAround(SassInstruction[] code, (int First, int Last) loop, (int First, int Last)[] spans)
    {
        (int First, int Last) next = spans.Where(span => span.First <= loop.First && span.Last >= loop.Last && span != loop)
            .OrderBy(span => span.Last - span.First).FirstOrDefault(loop);
        SassInstruction[] around = [.. code[next.First..loop.First], .. code[(loop.Last + 1)..(next.Last + 1)]];
        return Array.Exists(around, instruction => instruction.Name == "STG") ? [] : around;
    }

    private static int Tensor(SassInstruction[] code, (int First, int Last) span) =>
        code[span.First..(span.Last + 1)].Count(instruction => instruction.IsTensor);
}
