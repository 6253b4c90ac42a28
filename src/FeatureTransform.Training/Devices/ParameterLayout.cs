namespace FeatureTransform.Training.Devices;

/// <summary>
/// The flat order of a model's parameters: first all that are trained, then the buffers, each at its offset (in floats,
/// a multiple of 16), so that momentum, gradient and optimiser walk over one array.
/// </summary>
internal sealed class ParameterLayout
{
    private const int Alignment = 16;
    private readonly List<Parameter> trained = [], buffers = [];

    public IReadOnlyList<Parameter> Trained => trained;

    public IReadOnlyList<Parameter> Buffers => buffers;

    /// <summary>Floats of the trained parameters, padding included.</summary>
    public long TrainedCount { get; private set; }

    /// <summary>Floats of the buffers, padding included.</summary>
    public long BufferCount { get; private set; }

    /// <summary>Adds a parameter; its offset counts within the trained ones or within the buffers.</summary>
    public Parameter Add(string name, ParameterKind kind, params int[] shape)
    {
        bool isBuffer = kind is ParameterKind.RunningMean or ParameterKind.RunningVariance;
        var parameter = new Parameter(name, kind, shape, isBuffer ? BufferCount : TrainedCount);
        long padded = (parameter.Count + Alignment - 1) / Alignment * Alignment;
        if (isBuffer)
        {
            buffers.Add(parameter);
            BufferCount += padded;
        }
        else
        {
            trained.Add(parameter);
            TrainedCount += padded;
        }

        return parameter;
    }
}
