using System.Runtime.InteropServices;

namespace FeatureTransform.Cuda.Emulator.Memory;

/// <summary>Bytes that the device can address, with one bit a byte that says whether it was ever written.</summary>
internal sealed unsafe class Region : IDisposable
{
    private readonly bool ownsData;

    public Region(string name, ulong address, ulong size, byte* data = null)
    {
        Name = name;
        Address = address;
        Size = size;
        ownsData = data is null;
        Data = data is null ? (byte*)NativeMemory.AlignedAlloc((nuint)Math.Max(size, 16) + 64, 256) : data;
        Written = (byte*)NativeMemory.AllocZeroed((nuint)(size / 8 + 16));
        if (ownsData)
        {
            Poison();
        }
        else
        {
            MarkWritten(0, size);
        }
    }

    ~Region() => Dispose();

    public string Name { get; }

    /// <summary>Whether the bytes are the host's own, which the device addresses too.</summary>
    public bool IsHost => !ownsData;

    /// <summary>The device address of the first byte; 0 for shared, local and parameter memory.</summary>
    public ulong Address { get; }

    public ulong Size { get; }

    public byte* Data { get; private set; }

    /// <summary>A bit for each byte, set once it is written.</summary>
    public byte* Written { get; private set; }

    /// <summary>Every byte is known to be written, so that no bit need be looked at.</summary>
    public bool IsAllWritten { get; private set; }

    public bool IsReadOnly { get; set; }

    public bool IsFreed { get; private set; }

    /// <summary>Has its address, but is not there yet: memory that a stream is still to allocate.</summary>
    public bool IsReserved { get; set; }

    /// <summary>Tells the contents of one block from those of the next; 0 for memory that outlives blocks.</summary>
    public int Generation { get; set; }

    /// <summary>State of the race check, made by it when it is on.</summary>
    public RaceShadow? Shadow { get; set; }

    /// <summary>Back to the state of fresh memory: NaN-like content that counts as unwritten.</summary>
    public void Poison()
    {
        NativeMemory.Fill(Data, (nuint)Size, 0xFF);
        NativeMemory.Clear(Written, (nuint)(Size / 8 + 16));
        IsAllWritten = false;
    }

    public void MarkWritten(ulong offset, ulong count)
    {
        if (IsAllWritten)
        {
            return;
        }
        if (offset == 0 && count >= Size)
        {
            NativeMemory.Fill(Written, (nuint)(Size / 8 + 8), 0xFF);
            IsAllWritten = true;
            return;
        }
        ulong end = offset + count;
        while (offset < end && (offset & 7) != 0)
        {
            SetBits(offset >> 3, (byte)(1 << (int)(offset & 7)));
            offset++;
        }
        NativeMemory.Fill(Written + (offset >> 3), (nuint)((end > offset ? end - offset : 0) >> 3), 0xFF);
        for (offset = Math.Max(offset, end & ~7ul); offset < end; offset++)
        {
            SetBits(offset >> 3, (byte)(1 << (int)(offset & 7)));
        }
    }

    /// <summary>Marks an access of 1, 2, 4, 8 or 16 bytes at its natural alignment.</summary>
    public void MarkAccess(ulong offset, int bytes)
    {
        if (IsAllWritten)
        {
            return;
        }
        if (bytes >= 8)
        {
            Written[offset >> 3] = 0xFF;
            if (bytes >= 16)
            {
                MarkWritten(offset, (ulong)bytes);
            }
            return;
        }
        SetBits(offset >> 3, (byte)(((1 << bytes) - 1) << (int)(offset & 7)));
    }

    public bool IsWritten(ulong offset, int bytes)
    {
        if (IsAllWritten)
        {
            return true;
        }
        if (bytes < 8)
        {
            int mask = ((1 << bytes) - 1) << (int)(offset & 7);
            return (Written[offset >> 3] & mask) == mask;
        }
        for (ulong o = offset; o < offset + (ulong)bytes; o += 8)
        {
            if (Written[o >> 3] != 0xFF)
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>After a copy from another region: what was not written there is not written here.</summary>
    public void CopyWritten(ulong offset, Region source, ulong sourceOffset, ulong count)
    {
        if (!source.FindUnwritten(sourceOffset, count, out _))
        {
            MarkWritten(offset, count);
            return;
        }
        IsAllWritten = false;
        for (ulong i = 0; i < count; i++)
        {
            bool written = source.IsWritten(sourceOffset + i, 1);
            byte bit = (byte)(1 << (int)((offset + i) & 7));
            ref byte bits = ref Written[(offset + i) >> 3];
            bits = (byte)(written ? bits | bit : bits & ~bit);
        }
    }

    /// <summary>Whether any byte of a long range was never written; its offset if so.</summary>
    public bool FindUnwritten(ulong offset, ulong count, out ulong first)
    {
        for (first = offset; !IsAllWritten && first < offset + count; first++)
        {
            if ((Written[first >> 3] >> (int)(first & 7) & 1) == 0)
            {
                return true;
            }
        }
        return false;
    }

    public void Free()
    {
        IsFreed = true;
        Dispose();
    }

    public void Dispose()
    {
        if (ownsData)
        {
            NativeMemory.AlignedFree(Data);
        }
        NativeMemory.Free(Written);
        Shadow?.Dispose();
        Shadow = null;
        Data = Written = null;
        GC.SuppressFinalize(this);
    }

    // Neighbouring bytes share a byte of bits; blocks on other cores may mark theirs at the same time.
    private void SetBits(ulong index, byte bits)
    {
        if ((Written[index] & bits) != bits)
        {
            Interlocked.Or(ref *(uint*)(Written + (index & ~3ul)), (uint)bits << (int)((index & 3) * 8));
        }
    }
}
