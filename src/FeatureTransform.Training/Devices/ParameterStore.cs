namespace FeatureTransform.Training.Devices;

/// <summary>A model's parameters and buffers on a device, and where it is trained its gradients and momentum, all fp32.</summary>
internal abstract class ParameterStore(ParameterLayout layout) : IDisposable
{
    public ParameterLayout Layout { get; } = layout;

    /// <summary>Copies a parameter or buffer to the host, in storage order.</summary>
    public abstract void Read(Parameter parameter, Span<float> destination);

    /// <summary>Sets a parameter or buffer from the host, in storage order. Call <see cref="Refresh"/> after the last.</summary>
    public abstract void Write(Parameter parameter, ReadOnlySpan<float> source);

    /// <summary>Copies a trained parameter's gradient to the host.</summary>
    public abstract void ReadGradient(Parameter parameter, Span<float> destination);

    /// <summary>Copies a trained parameter's momentum to the host.</summary>
    public abstract void ReadMomentum(Parameter parameter, Span<float> destination);

    /// <summary>Sets a trained parameter's momentum.</summary>
    public abstract void WriteMomentum(Parameter parameter, ReadOnlySpan<float> source);

    /// <summary>Brings copies in another precision up to date with the parameters.</summary>
    public abstract void Refresh();

    public abstract void Dispose();
}
