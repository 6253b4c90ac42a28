using System.Globalization;
using System.Runtime.InteropServices;
using FeatureTransform.Native;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Options;

namespace FeatureTransform.Training.Runs;

/// <summary>What a checkpoint is made of: the live state of a run between two steps.</summary>
/// <param name="Query">Query encoder, with momentum.</param>
/// <param name="Key">Momentum encoder.</param>
/// <param name="Queue">Negatives.</param>
/// <param name="Options">Everything that determines the run.</param>
/// <param name="Step">Steps done, which is the number of the next.</param>
/// <param name="Epoch">Epoch of the next step.</param>
/// <param name="EpochTotals">Running sums of that epoch, for <c>metrics.csv</c>; the loop knows what they are.</param>
internal sealed record CheckpointState(
    ParameterStore Query, ParameterStore Key, FeatureQueue Queue, PretrainOptions Options, long Step, int Epoch, double[] EpochTotals);

/// <summary>
/// A checkpoint: one safetensors file with both encoders (<c>query.*</c>, <c>key.*</c>), the optimiser's <c>momentum.*</c>,
/// the <c>queue</c> and <c>epoch_totals</c>; in its metadata step, epoch, queue position, seed and options. Random numbers
/// are functions of seed and step, so there is no generator's state to save.
/// </summary>
internal sealed class Checkpoint : IDisposable
{
    public const string QueryPrefix = "query.", KeyPrefix = "key.";
    private const string MomentumPrefix = "momentum.", QueueName = "queue", TotalsName = "epoch_totals";
    private const string VersionKey = "checkpoint_version", Version = "1";

    private readonly int queuePosition;

    private Checkpoint(SafeTensorsFile file)
    {
        File = file;
        if (!file.HasChecksum || !file.Metadata.TryGetValue(VersionKey, out string? version))
        {
            throw file.Error("it is no checkpoint of this program, or its checksum is damaged");
        }

        if (version != Version)
        {
            throw file.Error($"it is a checkpoint of version {version}, and this program reads version {Version}");
        }

        Options = RunConfig.Parse(file.Metadata[RunMetadata.Options], file.Path);
        Step = long.Parse(file.Metadata[RunMetadata.Step], CultureInfo.InvariantCulture);
        Epoch = int.Parse(file.Metadata[RunMetadata.Epoch], CultureInfo.InvariantCulture);
        queuePosition = int.Parse(file.Metadata[RunMetadata.QueuePosition], CultureInfo.InvariantCulture);
        byte[] totals = file.ReadBytes(TotalsName, SafeTensorType.F64, file.Tensors[TotalsName].Shape);
        EpochTotals = MemoryMarshal.Cast<byte, double>(totals).ToArray();
    }

    /// <summary>The file, verified.</summary>
    public SafeTensorsFile File { get; }

    /// <summary>Options of the run.</summary>
    public PretrainOptions Options { get; }

    /// <summary>Steps done.</summary>
    public long Step { get; }

    /// <summary>Epoch of the next step.</summary>
    public int Epoch { get; }

    /// <summary>Running sums of that epoch.</summary>
    public double[] EpochTotals { get; }

    /// <summary>Opens and verifies a checkpoint.</summary>
    /// <exception cref="InvalidInputException">It is damaged, or no checkpoint.</exception>
    public static Checkpoint Open(string path)
    {
        SafeTensorsFile file = SafeTensorsFile.Open(path);
        try
        {
            return new Checkpoint(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Writes a checkpoint atomically.</summary>
    /// <exception cref="InvalidInputException">It cannot be written; a previous file is as it was.</exception>
    public static void Save(string path, CheckpointState state)
    {
        Dictionary<string, string> metadata = RunMetadata.Of(state.Options, state.Epoch);
        metadata[VersionKey] = Version;
        metadata[RunMetadata.Step] = state.Step.ToString(CultureInfo.InvariantCulture);
        metadata[RunMetadata.QueuePosition] = state.Queue.Position.ToString(CultureInfo.InvariantCulture);
        FeatureQueue queue = state.Queue;
        SafeTensorsWriter.Write(path, metadata,
        [
            .. ParameterTensors.Write(QueryPrefix, ParameterTensors.All(state.Query), state.Query.Read),
            .. ParameterTensors.Write(KeyPrefix, ParameterTensors.All(state.Key), state.Key.Read),
            .. ParameterTensors.Write(MomentumPrefix, state.Query.Layout.Trained, state.Query.ReadMomentum),
            new SafeTensor(QueueName, TypeOf(queue), [queue.K, queue.C], stream => stream.Write(queue.Bytes)),
            SafeTensor.Of(TotalsName, state.EpochTotals, state.EpochTotals.Length),
        ]);
    }

    /// <summary>Brings a run made from <see cref="Options"/> to where the checkpoint was taken.</summary>
    /// <exception cref="InvalidInputException">Models or queue have other shapes.</exception>
    public void Restore(ParameterStore query, ParameterStore key, FeatureQueue queue)
    {
        ParameterTensors.Restore(File, QueryPrefix, ParameterTensors.All(query), query);
        ParameterTensors.Restore(File, KeyPrefix, ParameterTensors.All(key), key);
        ParameterTensors.RestoreMomentum(File, MomentumPrefix, query);
        queue.Restore(File.ReadBytes(QueueName, TypeOf(queue), queue.K, queue.C), queuePosition);
    }

    /// <summary>The query encoder's tensors, without the prefix.</summary>
    public IEnumerable<SafeTensor> QueryTensors() =>
        from tensor in File.Tensors.Values
        where tensor.Name.StartsWith(QueryPrefix, StringComparison.Ordinal)
        select new SafeTensor(
            tensor.Name[QueryPrefix.Length..], tensor.Type, tensor.Shape,
            stream => stream.Write(File.ReadBytes(tensor.Name, tensor.Type, tensor.Shape)));

    public void Dispose() => File.Dispose();

    private static SafeTensorType TypeOf(FeatureQueue queue) =>
        queue.Type == ElementType.Float32 ? SafeTensorType.F32 : SafeTensorType.BF16;
}
