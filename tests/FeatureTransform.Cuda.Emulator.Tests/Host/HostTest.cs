using System.Runtime.InteropServices;
using System.Text;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Host;
using FeatureTransform.Cuda.Emulator.Memory;

namespace FeatureTransform.Cuda.Emulator.Tests.Host;

/// <summary>An emulator with a fake executor, its driver and one context, and whether the test left findings behind.</summary>
public abstract unsafe class HostTest : IDisposable
{
    /// <summary>Kernels: scale multiplies floats, the others are there for their directives.</summary>
    internal const string Text = """
        .version 8.0
        .target sm_80
        .address_size 64

        .visible .global .align 4 .b8 table[64];

        .visible .entry scale(
            .param .align 8 .b8 scale_param_0[16]
        )
        {
            ret;
        }

        .visible .entry several(
            .param .u64 several_param_0,
            .param .u8 several_param_1,
            .param .f64 several_param_2
        )
        {
            ret;
        }

        .visible .entry bounded()
        .maxntid 64, 2, 1
        {
            ret;
        }

        .visible .entry exact()
        .reqntid 96, 1, 1
        {
            ret;
        }
        """;

    private CudaContext? context;

    private protected HostTest() => Start(new EmulatorOptions { Device = DeviceProfile.A100 });

    internal Emulator Emulator { get; private set; } = null!;

    internal FakeExecutor Executor { get; private set; } = null!;

    internal CudaDriver Driver { get; private set; } = null!;

    internal DriverApi Api => Driver.Api;

    internal CudaContext Context => context ??= new CudaContext(Driver.Devices[0]);

    /// <summary>Begins anew with other options.</summary>
    internal void Start(EmulatorOptions options)
    {
        Emulator?.Dispose();
        context = null;
        Executor = new FakeExecutor();
        Executor.Bodies["scale"] = Scale;
        Emulator = new Emulator(options, Executor);
        Driver = new CudaDriver(Emulator);
    }

    /// <summary>Ends the context, which reports what is left.</summary>
    internal void Release()
    {
        context?.Dispose();
        context = null;
    }

    internal void AssertNoFindings() => Assert.Empty(Emulator.Findings.Select(f => f.ToString()));

    /// <summary>The one finding so far is of a kind; it is forgotten then.</summary>
    internal Finding TakeFinding(string kind)
    {
        Finding finding = Assert.Single(Emulator.Findings);
        Assert.True(finding.Kind == kind, finding.ToString());
        Assert.Equal(Checks.Host, finding.Check);
        Emulator.ClearFindings();
        return finding;
    }

    internal CudaModule LoadModule() => new(Context, Encoding.UTF8.GetBytes(Text));

    internal static void AssertCode(CUresult expected, Action action)
    {
        CudaException exception = Assert.Throws<CudaException>(action);
        Assert.Equal(expected.ToString(), exception.CodeName);
    }

    public virtual void Dispose()
    {
        context?.SetHandleAsInvalid(); // the emulator ends it
        Emulator.Dispose();
        GC.SuppressFinalize(this);
    }

    private static void Scale(KernelLaunch launch, EmulatedMemory memory)
    {
        ScaleArgs args = MemoryMarshal.Read<ScaleArgs>(launch.Parameters);
        Region region = memory.Find(args.Data)
            ?? throw new KernelFault(KernelFaultKind.IllegalAddress, memory.Describe(args.Data, (int)args.Count * sizeof(float)));
        ulong offset = args.Data - region.Address;
        foreach (ref float value in new Span<float>(region.Data + offset, (int)args.Count))
        {
            value *= args.Factor;
        }
        region.MarkWritten(offset, args.Count * sizeof(float));
    }
}

/// <summary>The parameter of scale.</summary>
internal struct ScaleArgs
{
    public ulong Data;
    public uint Count;
    public float Factor;
}
