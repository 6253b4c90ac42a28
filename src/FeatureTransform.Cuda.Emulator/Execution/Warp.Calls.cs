using FeatureTransform.Cuda.Emulator.Decoding;

namespace FeatureTransform.Cuda.Emulator.Execution;

/// <summary>Frames: calls, returns and exits.</summary>
internal sealed unsafe partial class Warp
{
    /// <summary>Ends the executing lanes.</summary>
    public void Exit(Op* op)
    {
        uint lanes = Mask;
        Block.FinishAsyncCopies(this, lanes);
        Live &= ~lanes;
        Remove(op, lanes);
        Block.OnExit(this, lanes);
    }

    private void Remove(Op* op, uint lanes)
    {
        Release(current.Frame, lanes);
        current.Mask &= ~lanes;
        current.Pc = op->Index + 1;
        Next = null;
        if (current.Mask == 0)
        {
            groups.Remove(current);
        }
    }

    /// <summary>Ends everything, after a fault.</summary>
    public void Kill()
    {
        foreach (Group group in groups)
        {
            Release(group.Frame, group.Mask);
        }
        groups.Clear();
        Live = 0;
    }

    /// <summary>Another group of the running frame.</summary>
    public Group AddGroup(int pc, uint mask)
    {
        var group = new Group(Frame, pc, mask);
        groups.Add(group);
        return group;
    }

    /// <summary>Calls a function for the executing lanes; the others go on behind the call.</summary>
    public void Enter(Op* op, DecodedFunction function, Action<Frame> pass)
    {
        uint lanes = Mask;
        EnterGroup(Detach(op), op, function, lanes, pass);
    }

    public void EnterGroup(Group group, Op* op, DecodedFunction function, uint lanes, Action<Frame> pass)
    {
        if (Frame.Depth > 10_000)
        {
            throw new KernelFault(KernelFaultKind.StackOverflow, "calls are nested more than 10000 deep");
        }
        Frame callee = NewFrame(function);
        callee.Caller = Frame;
        callee.Depth = Frame.Depth + 1;
        callee.ReturnPc = op->Index + 1;
        callee.Lanes = lanes;
        callee.LocalBase = (Frame.LocalBase + Frame.Function.LocalBytes + 15) & ~15;
        Block.NeedLocal(callee.LocalBase + function.LocalBytes);
        pass(callee);
        group.Frame = callee;
        group.Pc = 0;
        Turn--;
    }

    /// <summary>Takes the executing lanes back to the caller.</summary>
    public void Return(Op* op)
    {
        Frame callee = Frame, caller = callee.Caller!;
        uint lanes = Mask;
        Group group = Detach(op);
        group.Frame = caller;
        group.Pc = callee.ReturnPc;
        caller.Lanes |= lanes;
        ReleaseOne(callee, lanes);
    }

    private Frame NewFrame(DecodedFunction function)
    {
        if (spareFrames.TryPop(out Frame? frame) && frame.Function == function)
        {
            frame.Caller = null;
            frame.Depth = 0;
            frame.LocalBase = 0;
            return frame;
        }
        frame?.Dispose();
        return new Frame(function);
    }

    private void Release(Frame? frame, uint lanes)
    {
        while (frame is not null)
        {
            Frame? caller = frame.Caller;
            ReleaseOne(frame, lanes);
            frame = caller;
        }
    }

    private void ReleaseOne(Frame frame, uint lanes)
    {
        frame.Lanes &= ~lanes;
        if (frame.Lanes == 0)
        {
            spareFrames.Push(frame);
        }
    }
}
