using System.Runtime.InteropServices;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Memory;

namespace FeatureTransform.Cuda.Emulator.Host;

/// <summary>
/// Copies and fills. When host memory is read and written follows "API synchronization behavior" of NVIDIA's driver API manual:
/// pageable memory is read within the call, and written before it returns; pinned memory is used when the stream comes to it.
/// </summary>
internal static unsafe class Transfers
{
    public static void ToDevice(EmulatedStream stream, ulong device, void* host, nuint bytes, bool blocks, string call)
    {
        ContextMemory memory = Begin(stream, blocks);
        if (bytes == 0)
        {
            return;
        }
        memory.RequireRange(device, bytes);
        bool isPinned = memory.FindHost(host, bytes) is not null;
        byte[]? staged = null;
        if (!isPinned && stream.Capture is null)
        {
            staged = new ReadOnlySpan<byte>(host, checked((int)bytes)).ToArray();
        }
        else if (!isPinned)
        {
            stream.Context.Emulator.Report(
                FindingKinds.Capture, call,
                $"{bytes} bytes of pageable memory at 0x{(nint)host:x}: each launch of the graph reads them anew");
        }
        Work? work = stream.Add(new Operation(call, () =>
        {
            Region target = memory.Locate(device, bytes, call);
            ReadOnlySpan<byte> source = staged ?? new ReadOnlySpan<byte>(host, checked((int)bytes));
            source.CopyTo(Span(target, device, bytes));
            target.MarkWritten(device - target.Address, bytes);
        })
        {
            Source = isPinned ? new HostRange((nint)host, bytes) : null,
        });
        Finish(work, blocks);
    }

    public static void ToHost(EmulatedStream stream, void* host, ulong device, nuint bytes, bool blocks, string call)
    {
        ContextMemory memory = Begin(stream, blocks);
        if (bytes == 0)
        {
            return;
        }
        memory.RequireRange(device, bytes);
        bool isPinned = memory.FindHost(host, bytes) is not null;
        Work? work = stream.Add(new Operation(call, () =>
        {
            Region source = memory.Locate(device, bytes, call);
            ulong offset = device - source.Address;
            Emulator emulator = stream.Context.Emulator;
            if ((emulator.Options.Checks & Checks.Initialization) != 0 && source.FindUnwritten(offset, bytes, out ulong first))
            {
                emulator.Report(
                    FindingKinds.HostUninitialized, call,
                    $"byte {first - offset} of {bytes} was never written: {first} bytes into {source.Size} at "
                    + $"0x{source.Address:x} of {source.Name}");
            }
            Span(source, device, bytes).CopyTo(new Span<byte>(host, checked((int)bytes)));
        })
        {
            Target = new HostRange((nint)host, bytes),
        });
        Finish(work, blocks || !isPinned);
    }

    public static void OnDevice(EmulatedStream stream, ulong target, ulong source, nuint bytes, string call)
    {
        ContextMemory memory = Begin(stream, blocks: false);
        if (bytes == 0)
        {
            return;
        }
        memory.RequireRange(target, bytes);
        memory.RequireRange(source, bytes);
        if (target < source + bytes && source < target + bytes)
        {
            stream.Context.Emulator.Report(
                FindingKinds.OverlappingCopy, call,
                $"{bytes} bytes from 0x{source:x} to 0x{target:x} overlap: the result is undefined");
        }
        stream.Add(new Operation(call, () =>
        {
            Region from = memory.Locate(source, bytes, call), to = memory.Locate(target, bytes, call);
            Span(from, source, bytes).CopyTo(Span(to, target, bytes));
            to.CopyWritten(target - to.Address, from, source - from.Address, bytes);
        }));
    }

    /// <summary>Fills with a value of 1 or 4 bytes.</summary>
    public static void Fill<T>(EmulatedStream stream, ulong device, T value, nuint count, string call)
        where T : unmanaged
    {
        ContextMemory memory = Begin(stream, blocks: false);
        nuint bytes = count * (nuint)sizeof(T);
        if (bytes == 0)
        {
            return;
        }
        if (device % (ulong)sizeof(T) != 0)
        {
            throw new CallRefused(
                CUresult.CUDA_ERROR_INVALID_VALUE, FindingKinds.InvalidAddress,
                $"0x{device:x} is not aligned to {sizeof(T)} bytes");
        }
        memory.RequireRange(device, bytes);
        stream.Add(new Operation(call, () =>
        {
            Region target = memory.Locate(device, bytes, call);
            MemoryMarshal.Cast<byte, T>(Span(target, device, bytes)).Fill(value);
            target.MarkWritten(device - target.Address, bytes);
        }));
    }

    private static ContextMemory Begin(EmulatedStream stream, bool blocks)
    {
        if (blocks)
        {
            CaptureRules.RequireSafe(stream.Context.Emulator);
        }
        CaptureRules.RequireUsable(stream);
        return stream.Context.Memory;
    }

    private static void Finish(Work? work, bool blocks)
    {
        if (blocks)
        {
            work?.Complete();
        }
    }

    private static Span<byte> Span(Region region, ulong address, nuint bytes) =>
        new(region.Data + (address - region.Address), checked((int)bytes));
}
