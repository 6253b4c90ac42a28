using System.Buffers.Binary;
using FeatureTransform.Cuda.Emulator.Execution;
using FeatureTransform.Cuda.Emulator.Memory;
using FeatureTransform.Cuda.Emulator.Ptx;

namespace FeatureTransform.Cuda.Emulator.Decoding;

/// <summary>A module with its variables in memory and its functions decoded.</summary>
internal sealed unsafe class DecodedModule : IDisposable
{
    private readonly Dictionary<string, DecodedFunction> functions = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Region> globals = new(StringComparer.Ordinal);
    private readonly List<DecodedFunction> byNumber = [];

    private DecodedModule(PtxModule source, EmulatedMemory memory, DeviceProfile device)
    {
        Source = source;
        Memory = memory;
        Device = device;
    }

    public PtxModule Source { get; }

    public EmulatedMemory Memory { get; }

    public DeviceProfile Device { get; }

    /// <summary>Operations of all functions.</summary>
    public int OperationCount { get; private set; }

    public IReadOnlyCollection<DecodedFunction> Functions => byNumber;

    public static DecodedModule Load(string text, EmulatedMemory memory, DeviceProfile device)
    {
        var module = new DecodedModule(PtxParser.Parse(text), memory, device);
        try
        {
            module.Decode();
            return module;
        }
        catch (InsufficientExecutionStackException)
        {
            module.Dispose();
            throw new PtxException("a function has more branches in a row than can be followed");
        }
        catch
        {
            module.Dispose();
            throw;
        }
    }

    public DecodedFunction Kernel(string name) =>
        functions.TryGetValue(name, out DecodedFunction? function) && function.Source.IsEntry
            ? function
            : throw new PtxException($"the module has no kernel '{name}'; it has {string.Join(", ", byNumber.Where(f => f.Source.IsEntry).Select(f => f.Name))}");

    public DecodedFunction? Find(string name) => functions.GetValueOrDefault(name);

    public Region? Global(string name) => globals.GetValueOrDefault(name);

    /// <summary>Bytes of the smallest access below a word in the module: how fine the race check must look.</summary>
    public int LeastAccess { get; private set; } = 4;

    /// <summary>The instruction of an operation by its number within the module.</summary>
    public PtxInstruction InstructionOf(int operation)
    {
        DecodedFunction function = byNumber.Last(f => f.CountBase <= operation);
        return function.SourceOf(operation - function.CountBase);
    }

    public DecodedFunction ByNumber(int number) => byNumber[number];

    /// <summary>The value of a function's name as a pointer.</summary>
    public static ulong AddressOf(DecodedFunction function) => Window.Function | (ulong)(function.Number + 1) << 4;

    public DecodedFunction? FromAddress(ulong address)
    {
        ulong number = address - Window.Function;
        return (number & 15) == 0 && number >> 4 is > 0 and ulong n && n <= (ulong)byNumber.Count ? byNumber[(int)n - 1] : null;
    }

    /// <summary>File, line and the places it was inlined into.</summary>
    public (string? File, int Line, IReadOnlyList<string> Chain) Place(int location)
    {
        if (location == 0)
        {
            return (null, 0, []);
        }
        PtxLocation at = Source.Locations[location];
        var chain = new List<string>();
        for (PtxLocation l = at; l.InlinedAt >= 0 && chain.Count < 16; l = Source.Locations[l.InlinedAt])
        {
            PtxLocation outer = Source.Locations[l.InlinedAt];
            string name = l.FunctionLabel is { } label ? Source.DebugStrings.GetValueOrDefault(label, label) + " in " : "";
            chain.Add($"{name}{Source.Files.GetValueOrDefault(outer.File, "?")}:{outer.Line}");
        }
        return (Source.Files.GetValueOrDefault(at.File), at.Line, chain);
    }

    private void Decode()
    {
        foreach (PtxVariable variable in Source.Variables.Values)
        {
            if (variable.Space is StateSpace.Global or StateSpace.Const)
            {
                Allocate(variable);
            }
        }
        foreach ((string name, PtxFunction function) in Source.Functions)
        {
            if (function.HasBody && byNumber.Find(f => f.Source == function) is var known)
            {
                DecodedFunction decoded = known ?? new DecodedFunction(function, byNumber.Count);
                functions[name] = decoded;
                if (known is null)
                {
                    byNumber.Add(decoded);
                }
            }
        }
        foreach (DecodedFunction function in byNumber)
        {
            foreach (PtxVariable variable in function.Source.Variables.Where(v => v.Space is StateSpace.Global or StateSpace.Const))
            {
                Allocate(variable);
            }
        }
        int sharedStart = 0;
        // Shared variables of the module and of device functions have the same place in every kernel.
        IEnumerable<PtxVariable> common = Source.Variables.Values.Concat(byNumber.Where(f => !f.Source.IsEntry).SelectMany(f => f.Source.Variables));
        foreach (PtxVariable variable in common.Where(v => v.Space == StateSpace.Shared && v.Count > 0))
        {
            variable.Offset = Align(ref sharedStart, variable);
        }
        foreach (DecodedFunction function in byNumber)
        {
            function.SharedBytes = sharedStart;
            new FunctionDecoder(this, function).Decode();
            function.CountBase = OperationCount;
            OperationCount += function.Count;
            foreach (PtxInstruction i in function.Source.Body.Where(i => i.Opcode is "ld" or "st" or "atom" or "red" && i.Type.Bits() < 32))
            {
                LeastAccess = Math.Min(LeastAccess, i.Type.Bytes());
            }
        }
        foreach ((string name, Region region) in globals)
        {
            Relocate(name, region);
        }
    }

    public static int Align(ref int offset, PtxVariable variable)
    {
        long start = ((long)offset + variable.Align - 1) & -variable.Align;
        if (start + variable.Size > 1 << 28)
        {
            throw new PtxException(variable.Line, $"{variable.Name} makes its space larger than 256 MiB");
        }
        offset = (int)(start + variable.Size);
        return (int)start;
    }

    private void Allocate(PtxVariable variable)
    {
        if (variable.IsExtern)
        {
            throw new PtxException(variable.Line, $"{variable.Name} is defined in another module; linking is not emulated");
        }
        Region region = Memory.Allocate((ulong)variable.Size, $"variable {variable.Name}");
        globals[variable.Name] = region;
        // Variables without an initial value are zero.
        new Span<byte>(region.Data, (int)region.Size).Clear();
        variable.Initial?.CopyTo(new Span<byte>(region.Data, (int)region.Size));
        region.MarkWritten(0, region.Size);
        region.IsReadOnly = variable.Space == StateSpace.Const;
    }

    private void Relocate(string name, Region region)
    {
        IEnumerable<PtxVariable> all = Source.Variables.Values.Concat(byNumber.SelectMany(f => f.Source.Variables));
        foreach (PtxRelocation relocation in all.First(v => v.Name == name && v.Space is StateSpace.Global or StateSpace.Const).Relocations)
        {
            ulong address = globals.TryGetValue(relocation.Symbol, out Region? target) ? target.Address
                : functions.TryGetValue(relocation.Symbol, out DecodedFunction? function) ? AddressOf(function)
                : throw new PtxException(relocation.Line, $"the initial value of {name} names {relocation.Symbol}, which is not declared");
            BinaryPrimitives.WriteUInt64LittleEndian(
                new Span<byte>(region.Data + relocation.Offset, 8), address + (ulong)relocation.Addend);
        }
    }

    public void Dispose()
    {
        foreach (Region region in globals.Values)
        {
            if (!region.IsFreed)
            {
                Memory.Free(region);
            }
        }
        foreach (DecodedFunction function in byNumber)
        {
            function.Dispose();
        }
    }
}
