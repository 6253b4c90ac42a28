namespace FeatureTransform.Cuda.Emulator.Host;

/// <summary>A range of host memory that work reads or writes when it is done.</summary>
internal readonly record struct HostRange(nint Address, nuint Bytes)
{
    public bool Overlaps(nint address, nuint bytes) =>
        (nuint)Address < (nuint)address + bytes && (nuint)address < (nuint)Address + Bytes;

    public unsafe ReadOnlySpan<byte> AsSpan() => new((void*)Address, checked((int)Bytes));
}

/// <summary>Something for a device to do, as a call or a node of a graph asks for it; it can be done again.</summary>
internal sealed class Operation(string call, Action run)
{
    /// <summary>The function of the driver that asked for it.</summary>
    public string Call { get; } = call;

    public Action Run { get; } = run;

    /// <summary>Pinned memory that is read when it is done.</summary>
    public HostRange? Source { get; init; }

    /// <summary>Host memory that is written when it is done.</summary>
    public HostRange? Target { get; init; }

    /// <summary>A function of the host, which runs while other threads may call the driver.</summary>
    public bool IsHostFunction { get; init; }

    /// <summary>The module that must still be loaded.</summary>
    public EmulatedModule? Module { get; init; }

    /// <summary>What it does to host memory cannot be told beforehand.</summary>
    public bool MayWriteHost => IsHostFunction || Module is not null || Target is not null;
}
