using FeatureTransform.Cuda.Emulator.Decoding;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Operations;

/// <summary>What an mbarrier instruction does.</summary>
internal enum MbarrierAction : byte
{
    Init,
    Invalidate,
    ExpectTransaction,
    CompleteTransaction,
    Arrive,
    ArriveExpect,
    Drop,
    DropExpect,
    AsyncArrive,
}

/// <summary>Decodes barriers that live in shared memory, barriers of clusters, and bulk copies.</summary>
internal static unsafe class MbarrierDecoder
{
    public static void Register(Dictionary<string, Action<FunctionDecoder, PtxInstruction>> table)
    {
        table["mbarrier.init"] = (d, i) => Act(d, i, MbarrierAction.Init, 0, 1);
        table["mbarrier.inval"] = (d, i) => Act(d, i, MbarrierAction.Invalidate, 0, -1);
        table["mbarrier.expect_tx"] = (d, i) => Act(d, i, MbarrierAction.ExpectTransaction, 0, 1);
        table["mbarrier.complete_tx"] = (d, i) => Act(d, i, MbarrierAction.CompleteTransaction, 0, 1);
        table["mbarrier.arrive"] = (d, i) => Arrive(d, i, i.Has("expect_tx") ? MbarrierAction.ArriveExpect
            : MbarrierAction.Arrive);
        table["mbarrier.arrive_drop"] = (d, i) => Arrive(d, i, i.Has("expect_tx") ? MbarrierAction.DropExpect
            : MbarrierAction.Drop);
        table["mbarrier.test_wait"] = table["mbarrier.try_wait"] = Wait;
        table["mbarrier.pending_count"] = (d, i) => d.Scalar(i, &MbarrierOperations.PendingCount, PtxType.B32, PtxType.B64);
        table["cp.async.mbarrier.arrive"] = (d, i) => Act(d, i, MbarrierAction.AsyncArrive, 0, -1);
        table["barrier.cluster.arrive"] = (d, i) => Cluster(d, i, &BlockRun.ArriveCluster);
        table["barrier.cluster.wait"] = (d, i) => Cluster(d, i, &BlockRun.WaitCluster);
        table["cp.async.bulk.shared::cluster"] = table["cp.async.bulk.shared::cta"] = (d, i) => Bulk(d, i, toShared: true);
        table["cp.async.bulk.global"] = (d, i) => Bulk(d, i, toShared: false);
        table["cp.async.bulk.commit_group"] = table["cp.async.bulk.wait_group"] = MoveDecoder.Nothing;
    }

    private static Draft Address(FunctionDecoder d, PtxInstruction i, int operand)
    {
        var draft = new Draft(i);
        MemoryDecoder.Address(d, i, draft, i.Operands[operand]);
        return draft;
    }

    private static void Act(FunctionDecoder d, PtxInstruction i, MbarrierAction action, int address, int number)
    {
        Draft draft = Address(d, i, address);
        draft.B = number > 0 ? d.Read(i, number, PtxType.U32) : Draft.None;
        draft.Op.Mode = (byte)action;
        draft.Op.Form = (byte)(i.Has("noinc") ? 1 : 0);
        draft.Op.Run = &MbarrierOperations.Act;
        d.Emit(draft);
    }

    private static void Arrive(FunctionDecoder d, PtxInstruction i, MbarrierAction action)
    {
        bool hasState = i.Operands[0].Kind != OperandKind.Address;
        int address = hasState ? 1 : 0;
        Draft draft = Address(d, i, address);
        draft.D = hasState ? d.Write(i, 0, PtxType.B64) : Draft.None;
        draft.B = i.Operands.Count > address + 1 ? d.Read(i, address + 1, PtxType.U32) : Draft.None;
        if (draft.B < 0 && action is MbarrierAction.ArriveExpect or MbarrierAction.DropExpect)
        {
            throw i.Refuse("the number of bytes is needed");
        }
        draft.Op.Mode = (byte)action;
        draft.Op.Signed = draft.D >= 0;
        draft.Op.Run = &MbarrierOperations.Act;
        d.Emit(draft);
    }

    private static void Wait(FunctionDecoder d, PtxInstruction i)
    {
        Draft draft = Address(d, i, 1);
        bool parity = i.Has("parity");
        draft.D = d.Write(i, 0, PtxType.Pred);
        draft.B = d.Read(i, 2, parity ? PtxType.U32 : PtxType.B64);
        draft.Op.Form = (byte)(parity ? 1 : 0);
        draft.Op.Run = &MbarrierOperations.Test;
        d.Emit(draft);
    }

    private static void Cluster(FunctionDecoder d, PtxInstruction i, delegate*<Warp, Op*, void> run)
    {
        var draft = new Draft(i);
        draft.Op.Kind = OpKind.Control;
        draft.Op.Run = run;
        d.Emit(draft);
    }

    // cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [dst], [src], size, [mbar];
    // cp.async.bulk.shared::cluster.shared::cta.mbarrier::... likewise; cp.async.bulk.global.shared::cta.bulk_group [dst], [src],
    // size.
    private static void Bulk(FunctionDecoder d, PtxInstruction i, bool toShared)
    {
        if (i.Has("multicast::cluster"))
        {
            throw i.Refuse("multicast is not emulated");
        }
        if (toShared != i.Has("mbarrier::complete_tx::bytes"))
        {
            throw i.Refuse("copies to shared memory complete on an mbarrier, copies to global memory in a bulk group");
        }
        var draft = new Draft(i) { B = d.Read(i, 2, PtxType.U32) };
        bool fromGlobal = toShared && i.Has("global");
        foreach ((int operand, bool isGlobal) in toShared ? [(0, false), (1, fromGlobal), (3, false)]
            : new[] { (0, true), (1, false) })
        {
            PtxOperand address = i.Operands[operand];
            int register = address.Kind == OperandKind.Address ? d.Read(i, address.Items[0], PtxType.U64, exact: false)
                : throw i.Refuse("an address is needed");
            if (isGlobal && !d.IsWide(register))
            {
                throw i.Refuse("global addresses have 64 bits");
            }
            draft.AddUse(register);
            draft.Op.Target |= d.IsWide(register) ? 1 << (draft.List.Count - 1) : 0;
            if (address.Value != 0)
            {
                throw i.Refuse("offsets within the brackets are not emulated here");
            }
        }
        draft.Op.Form = (byte)((toShared ? 1 : 0) | (fromGlobal ? 2 : 0));
        draft.KeepsAbsent = true;
        draft.Op.Run = &BulkOperations.Copy;
        d.Emit(draft);
    }
}
