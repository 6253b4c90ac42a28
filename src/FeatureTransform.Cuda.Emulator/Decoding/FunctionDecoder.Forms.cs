using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Operations;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Decoding;

/// <summary>The usual shapes of instructions.</summary>
internal sealed unsafe partial class FunctionDecoder
{
    /// <summary>d, a[, b[, c]] of one type each, run by a handler.</summary>
    public Draft Plain(PtxInstruction i, delegate*<Warp, Op*, void> run, PtxType d, PtxType a, PtxType b = PtxType.None,
        PtxType c = PtxType.None)
    {
        var draft = new Draft(i)
        {
            A = Read(i, 1, a),
            B = b == PtxType.None ? Draft.None : Read(i, 2, b),
            C = c == PtxType.None ? Draft.None : Read(i, 3, c),
        };
        draft.D = Write(i, 0, d);
        draft.Op.Run = run;
        return Emit(draft);
    }

    /// <summary>The same by a scalar function, lane by lane.</summary>
    public Draft Scalar(PtxInstruction i, delegate*<ulong, ulong, ulong, Op*, ulong> body, PtxType d, PtxType a,
        PtxType b = PtxType.None, PtxType c = PtxType.None)
    {
        Draft draft = Plain(i, &Lanes.Scalar, d, a, b, c);
        draft.Op.Body = body;
        return draft;
    }

    /// <summary>A source operand of which only the low bits of the type are used; wider registers are allowed.</summary>
    public int ReadLoose(PtxInstruction i, int operand, PtxType type) => Read(i, i.Operands[operand], type, exact: false);

    public int WriteLoose(PtxInstruction i, int operand, PtxType type) => Write(i, i.Operands[operand], type, exact: false);
}
