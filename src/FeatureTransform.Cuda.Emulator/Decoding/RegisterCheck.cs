using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Operations;

namespace FeatureTransform.Cuda.Emulator.Decoding;

/// <summary>
/// Adds to a function what finds uses of registers that were never written. Liveness tells which may be: those that live when
/// the function begins, and what is computed of them. Of compiled code there are few or none, so that the others cost nothing.
/// </summary>
/// <remarks>
/// A compiler may compute with a register that a path has not written where the result is not used, so arithmetic only hands on;
/// a use is an address, a stored value, a guard, a product of matrices or an exchange between lanes. Parts of vectors and
/// arguments of calls are padding as often as values, and are not looked at.
/// </remarks>
internal sealed unsafe class RegisterCheck(List<RegisterClass> classes, IReadOnlyList<Draft> drafts)
{
    private static readonly HashSet<string> Computing =
    [
        "mov", "selp", "slct", "add", "sub", "mul", "mad", "fma", "mul24", "mad24", "addc", "subc", "madc", "sad", "div", "rem", "abs",
        "neg", "min", "max", "popc", "clz", "bfind", "brev", "bfe", "bfi", "fns", "prmt", "and", "or", "xor", "not", "cnot", "lop3", "shl",
        "shr", "shf", "cvt", "cvta", "set", "setp", "testp", "copysign", "rcp", "sqrt", "rsqrt", "sin", "cos", "lg2", "ex2", "tanh",
        "dp4a", "dp2a", "isspacep", "mapa",
    ];

    private readonly Dictionary<int, int> written = []; // the word of each watched register
    private readonly List<Draft> result = [];

    /// <summary>Drafts with the checks, and where each draft's own now begin.</summary>
    public (List<Draft> Drafts, int[] Starts) Add(IEnumerable<int> liveAtEntry)
    {
        foreach (int register in liveAtEntry)
        {
            Watch(register);
        }
        while (drafts.Any(Spread))
        {
        }
        foreach (int word in written.Values)
        {
            Draft clear = Make(drafts[0], guarded: false);
            clear.D = word;
            clear.Defs.Add(word);
            clear.Op.Run = &RegisterOperations.Clear;
        }
        var starts = new int[drafts.Count + 1];
        for (int i = 0; i < drafts.Count; i++)
        {
            starts[i] = result.Count; // a loop back to the first instruction leaves what was written written
            Instrument(drafts[i]);
            result.Add(drafts[i]);
        }
        starts[drafts.Count] = result.Count;
        return (result, starts);
    }

    private bool Watch(int register)
    {
        if (written.ContainsKey(register))
        {
            return false;
        }
        classes.Add(RegisterClass.Predicate);
        written.Add(register, classes.Count - 1);
        return true;
    }

    // What is computed of a watched register is watched too.
    private bool Spread(Draft draft)
    {
        bool more = false;
        if (Computes(draft) && Sources(draft).Any())
        {
            foreach (int target in draft.Defs)
            {
                more |= Watch(target);
            }
        }
        return more;
    }

    private static bool Computes(Draft draft) => Computing.Contains(draft.Source.Opcode);

    private IEnumerable<int> Sources(Draft draft) => draft.Uses.Where(use => use != draft.Guard && written.ContainsKey(use)).Distinct();

    private void Instrument(Draft draft)
    {
        if (draft.Guard >= 0 && written.ContainsKey(draft.Guard))
        {
            Check(draft, draft.Guard, guarded: false);
        }
        int[] sources = [.. Sources(draft)];
        if (!Computes(draft))
        {
            foreach (int use in sources.Where(use => IsUse(draft, use)))
            {
                Check(draft, use, guarded: true);
            }
        }
        foreach (int target in draft.Defs.Where(written.ContainsKey).Distinct())
        {
            bool computes = Computes(draft) && sources.Length > 0;
            Draft mark = Make(draft, guarded: true);
            mark.D = written[target];
            mark.Uses.Add(mark.D);
            mark.Defs.Add(mark.D);
            mark.Op.Run = computes ? &RegisterOperations.Compute : &RegisterOperations.Mark;
            foreach (int source in computes ? sources : [])
            {
                mark.AddUse(written[source]);
            }
        }
    }

    private static bool IsUse(Draft draft, int register) =>
        draft.Source.Opcode != "st" || register == draft.A || draft.Op is { Count: <= 1, Space: not StateSpaceCode.FrameParam };

    private void Check(Draft draft, int register, bool guarded)
    {
        Draft check = Make(draft, guarded);
        check.A = written[register];
        check.Uses.Add(check.A);
        check.Op.Immediate = register;
        check.Op.Run = &RegisterOperations.Check;
    }

    private Draft Make(Draft of, bool guarded)
    {
        var draft = new Draft(of.Source) { IsCheck = true };
        if (guarded && of.Guard >= 0)
        {
            draft.Guard = of.Guard;
            draft.Op.GuardFlip = of.Op.GuardFlip;
            draft.Uses.Add(of.Guard);
        }
        result.Add(draft);
        return draft;
    }
}
