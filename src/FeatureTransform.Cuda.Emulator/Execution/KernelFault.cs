namespace FeatureTransform.Cuda.Emulator.Execution;

/// <summary>Why a launch ended early; each kind answers to an error of the driver.</summary>
internal enum KernelFaultKind
{
    None,
    IllegalAddress,
    MisalignedAddress,
    Assertion,
    Trap,
    Deadlock,
    StackOverflow,
    IllegalInstruction,
    Budget,
}

/// <summary>Ends a launch.</summary>
internal sealed class KernelFault(KernelFaultKind kind, string message) : Exception(message)
{
    public KernelFaultKind Kind { get; } = kind;
}
