using FeatureTransform.Cuda;
using FeatureTransform.Native;
using FeatureTransform.Native.Cuda;

namespace FeatureTransform.Training.Devices.Cuda;

/// <summary>
/// Parameters in device memory, in the flat order of their layout. In bf16 the layers read a rounded copy of the weights, and
/// convolutions leave their weights' gradients in bf16; the fp32 weights, which the optimiser changes, stay the truth. Filters
/// whose channels are padded have a padded copy of weights and gradient besides.
/// </summary>
internal sealed class CudaParameterStore : ParameterStore
{
    private readonly CudaStream stream;
    private readonly Cast cast;
    private readonly ElementType type;
    private readonly DeviceMemory weights, buffers;
    private readonly DeviceMemory? rounded, gradient, roundedGradient, momentum, chunks, segments;
    private readonly Dictionary<Parameter, Padded> padded = [];

    private sealed record Padded(int Channels, DeviceMemory Weights, DeviceMemory? Gradient);

    public CudaParameterStore(
        CudaContext context, CudaStream stream, Cast cast, ParameterLayout layout, bool trained, ElementType type)
        : base(layout)
    {
        (this.stream, this.cast, this.type) = (stream, cast, type);
        weights = Zeros(layout.TrainedCount * sizeof(float));
        buffers = Zeros(Math.Max(layout.BufferCount, 1) * sizeof(float));
        rounded = type == ElementType.BFloat16 ? Zeros(layout.TrainedCount * sizeof(ushort)) : null;
        foreach (Parameter parameter in layout.Trained)
        {
            int channels = PaddedChannels(parameter);
            if (parameter.Kind == ParameterKind.Convolution && channels != parameter.Shape[1])
            {
                long bytes = parameter.Count / parameter.Shape[1] * channels * ElementBytes;
                padded.Add(parameter, new Padded(channels, Zeros(bytes), trained ? Zeros(bytes) : null));
            }
        }

        if (!trained)
        {
            return;
        }

        gradient = Zeros(layout.TrainedCount * sizeof(float));
        momentum = Zeros(layout.TrainedCount * sizeof(float));
        roundedGradient = type == ElementType.BFloat16 ? Zeros(layout.TrainedCount * sizeof(ushort)) : null;
        var table = new ParameterTable();
        for (int i = 0; i < layout.Trained.Count; i++)
        {
            Parameter parameter = layout.Trained[i];
            long end = i + 1 < layout.Trained.Count ? layout.Trained[i + 1].Offset : layout.TrainedCount;
            ParameterFlags flags = HasRoundedGradient(parameter) ? ParameterFlags.Decay | ParameterFlags.Bf16Gradient : ParameterFlags.Decay;
            table.Add(parameter.Offset, end - parameter.Offset, flags);
        }

        Chunks = table.Chunks.Length;
        chunks = Table(table.Chunks);
        segments = Table(table.Segments);

        DeviceMemory Zeros(long bytes)
        {
            var memory = new DeviceMemory(context, bytes);
            memory.Fill(0, stream);
            return memory;
        }

        unsafe DeviceMemory Table<T>(ReadOnlySpan<T> rows)
            where T : unmanaged
        {
            var memory = new DeviceMemory(context, (long)rows.Length * sizeof(T));
            memory.CopyFrom(rows, stream);
            return memory;
        }
    }

    /// <summary>Address of the fp32 weights.</summary>
    public ulong Weights => weights.Address;

    /// <summary>Address of the bf16 copy; 0 in fp32.</summary>
    public ulong RoundedWeights => rounded?.Address ?? 0;

    /// <summary>Pieces that the optimiser cuts the parameters into.</summary>
    public int Chunks { get; }

    /// <summary>Bytes of all its memory.</summary>
    public long Bytes => new[] { weights, buffers, rounded, gradient, roundedGradient, momentum, chunks, segments }
        .Sum(memory => memory?.Bytes ?? 0) + padded.Values.Sum(copy => copy.Weights.Bytes + (copy.Gradient?.Bytes ?? 0));

    /// <summary>Bytes of the memory of such a store, but for the optimiser's tables, which are small.</summary>
    public static long GetBytes(ParameterLayout layout, bool trained, ElementType type)
    {
        bool rounds = type == ElementType.BFloat16;
        long weight = sizeof(float) + (rounds ? sizeof(ushort) : 0);
        long bytes = (layout.TrainedCount * (trained ? weight + weight + sizeof(float) : weight)) + (layout.BufferCount * sizeof(float));
        IEnumerable<long> paddings = from parameter in layout.Trained
                                     let channels = PaddedChannels(parameter)
                                     where parameter.Kind == ParameterKind.Convolution && channels != parameter.Shape[1]
                                     select parameter.Count / parameter.Shape[1] * channels;
        return bytes + (paddings.Sum() * (rounds ? sizeof(ushort) : sizeof(float)) * (trained ? 2 : 1));
    }

    private int ElementBytes => type == ElementType.BFloat16 ? sizeof(ushort) : sizeof(float);

    /// <summary>What the optimiser works on.</summary>
    /// <param name="learningRate">Address of the learning rate.</param>
    /// <param name="loss">Address of a loss: where it is not finite nothing is changed; 0: always.</param>
    public ParameterArrays Arrays(ulong learningRate, ulong loss) => new()
    {
        Chunks = Trained(chunks).Address,
        Segments = Trained(segments).Address,
        Weights = Weights,
        Gradient = Trained(gradient).Address,
        GradientBf16 = roundedGradient?.Address ?? 0,
        Velocity = Trained(momentum).Address,
        WeightsBf16 = RoundedWeights,
        LearningRate = learningRate,
        Loss = loss,
    };

    /// <summary>Address of a parameter or buffer in fp32, as norms and biases are read.</summary>
    public ulong AddressOf(Parameter parameter) => Place(parameter.Trained ? weights : buffers, parameter);

    /// <summary>
    /// Address of a weight as layers read it, in the type of the activations; a filter with <see cref="ChannelsOf"/> channels.
    /// </summary>
    public ulong WeightOf(Parameter parameter) => padded.TryGetValue(parameter, out Padded? copy)
        ? copy.Weights.Address
        : rounded is null ? Place(weights, parameter) : rounded.Address + (ulong)(parameter.Offset * sizeof(ushort));

    /// <summary>Input channels of a filter as it lies in memory, padding included.</summary>
    public int ChannelsOf(Parameter filter) => padded.TryGetValue(filter, out Padded? copy) ? copy.Channels : filter.Shape[1];

    /// <summary>Address of a parameter's fp32 gradient: all but filters.</summary>
    public ulong GradientOf(Parameter parameter) => Place(Trained(gradient), parameter);

    /// <summary>
    /// Address where a convolution leaves the gradient of its filter, in the type of the activations, as <see cref="WeightOf"/>
    /// lies; then <see cref="FilterGradientWritten"/> is called.
    /// </summary>
    public ulong FilterGradientOf(Parameter filter) => padded.TryGetValue(filter, out Padded? copy)
        ? Trained(copy.Gradient).Address
        : roundedGradient is null ? GradientOf(filter) : roundedGradient.Address + (ulong)(filter.Offset * sizeof(ushort));

    /// <summary>Takes the padding off a filter's gradient, where it has one.</summary>
    public void FilterGradientWritten(Parameter filter)
    {
        if (padded.TryGetValue(filter, out Padded? copy))
        {
            Columns(
                filter, Trained(copy.Gradient).Address, type, copy.Channels, GradientOf(filter), ElementType.Float32, filter.Shape[1]);
        }
    }

    /// <summary>Brings padded copies up to date with the weights.</summary>
    public void PadWeights()
    {
        foreach ((Parameter filter, Padded copy) in padded)
        {
            Columns(filter, Place(weights, filter), ElementType.Float32, filter.Shape[1], copy.Weights.Address, type, copy.Channels);
        }
    }

    public override void Read(Parameter parameter, Span<float> destination) => Download(AddressOf(parameter), parameter, destination);

    public override void Write(Parameter parameter, ReadOnlySpan<float> source) => Upload(source, parameter, AddressOf(parameter));

    public override unsafe void ReadGradient(Parameter parameter, Span<float> destination)
    {
        if (!HasRoundedGradient(parameter))
        {
            Download(GradientOf(parameter), parameter, destination);
            return;
        }

        var values = new ushort[parameter.Count];
        DeviceCopies.Download(stream, FilterGradientOf(parameter), values.AsSpan());
        fixed (ushort* from = values)
        fixed (float* to = destination)
        {
            BFloat16.Widen(from, to, parameter.Count);
        }
    }

    public override void ReadMomentum(Parameter parameter, Span<float> destination) =>
        Download(Place(Trained(momentum), parameter), parameter, destination);

    public override void WriteMomentum(Parameter parameter, ReadOnlySpan<float> source) =>
        Upload(source, parameter, Place(Trained(momentum), parameter));

    public override void Refresh()
    {
        if (rounded is not null)
        {
            cast.Launch(stream, ElementType.Float32, ElementType.BFloat16, new CastArgs
            {
                Source = Weights,
                Target = rounded.Address,
                Rows = 1,
                SourceColumns = (ulong)Layout.TrainedCount,
                TargetColumns = (ulong)Layout.TrainedCount,
            });
        }

        PadWeights();
    }

    public override void Dispose()
    {
        foreach (DeviceMemory? memory in new[] { weights, buffers, rounded, gradient, roundedGradient, momentum, chunks, segments })
        {
            memory?.Dispose();
        }

        foreach (Padded copy in padded.Values)
        {
            copy.Weights.Dispose();
            copy.Gradient?.Dispose();
        }
    }

    private static int PaddedChannels(Parameter filter) =>
        filter.Kind == ParameterKind.Convolution
            ? (filter.Shape[1] + CudaDevice.ChannelAlignment - 1) / CudaDevice.ChannelAlignment * CudaDevice.ChannelAlignment
            : 0;

    private bool HasRoundedGradient(Parameter parameter) =>
        type == ElementType.BFloat16 && parameter.Kind == ParameterKind.Convolution && !padded.ContainsKey(parameter);

    private void Columns(
        Parameter filter, ulong source, ElementType sourceType, int sourceColumns, ulong target, ElementType targetType, int targetColumns) =>
        cast.Launch(stream, sourceType, targetType, new CastArgs
        {
            Source = source,
            Target = target,
            Rows = (ulong)(filter.Count / filter.Shape[1]),
            SourceColumns = (ulong)sourceColumns,
            TargetColumns = (ulong)targetColumns,
        });

    private static ulong Place(DeviceMemory array, Parameter parameter) => array.Address + (ulong)(parameter.Offset * sizeof(float));

    private static DeviceMemory Trained(DeviceMemory? array) =>
        array ?? throw new InvalidOperationException("The parameters are not trained: they have neither gradient nor momentum.");

    private void Upload(ReadOnlySpan<float> source, Parameter parameter, ulong target)
    {
        Require(source.Length, parameter);
        DeviceCopies.Upload(stream, source, target);
    }

    private void Download(ulong source, Parameter parameter, Span<float> destination)
    {
        Require(destination.Length, parameter);
        DeviceCopies.Download(stream, source, destination);
    }

    private static void Require(int length, Parameter parameter)
    {
        if (length != parameter.Count)
        {
            throw new ArgumentException($"{parameter.Name} has {parameter.Count} elements; given {length}.");
        }
    }
}
