using System.Buffers;
using System.Runtime.InteropServices;
using FeatureTransform.Training.Devices;
using FeatureTransform.Training.Networks;

namespace FeatureTransform.Training.Runs;

/// <summary>Parameters between a store and safetensors, under a prefix and torchvision's name, in torchvision's order.</summary>
internal static class ParameterTensors
{
    /// <summary>Copies something of a parameter to the host, in storage order.</summary>
    public delegate void Reader(Parameter parameter, Span<float> destination);

    /// <summary>Parameters and buffers of a model.</summary>
    public static IEnumerable<Parameter> All(ParameterStore store) => store.Layout.Trained.Concat(store.Layout.Buffers);

    /// <summary>Tensors that are read from the store when their turn to be written comes.</summary>
    public static IEnumerable<SafeTensor> Write(string prefix, IEnumerable<Parameter> parameters, Reader read) =>
        parameters.Select(parameter => new SafeTensor(
            prefix + parameter.Name, SafeTensorType.F32, parameter.Shape,
            stream => Write(stream, parameter, read)));

    /// <summary>Tensors of the values that the store has now.</summary>
    public static IEnumerable<SafeTensor> Snapshot(string prefix, IEnumerable<Parameter> parameters, Reader read) =>
        parameters.Select(parameter => SafeTensor.Of(prefix + parameter.Name, Values(parameter, read), parameter.Shape));

    /// <summary>Sets parameters and buffers from a file.</summary>
    /// <exception cref="InvalidInputException">One is missing or has another shape.</exception>
    public static void Restore(SafeTensorsFile file, string prefix, IEnumerable<Parameter> parameters, ParameterStore store)
    {
        foreach (Parameter parameter in parameters)
        {
            store.Write(parameter, TorchOrder.ToStorage(parameter, file.ReadFloats(prefix + parameter.Name, parameter.Shape)));
        }

        store.Refresh();
    }

    /// <summary>Sets the momentum of a trained model from a file.</summary>
    /// <exception cref="InvalidInputException">One is missing or has another shape.</exception>
    public static void RestoreMomentum(SafeTensorsFile file, string prefix, ParameterStore store)
    {
        foreach (Parameter parameter in store.Layout.Trained)
        {
            store.WriteMomentum(
                parameter, TorchOrder.ToStorage(parameter, file.ReadFloats(prefix + parameter.Name, parameter.Shape)));
        }
    }

    // By rented memory: a run writes checkpoints again and again, and megabytes of garbage for each would pile up.
    private static void Write(Stream stream, Parameter parameter, Reader read)
    {
        int count = checked((int)parameter.Count);
        float[] stored = ArrayPool<float>.Shared.Rent(count), ordered = ArrayPool<float>.Shared.Rent(count);
        read(parameter, stored.AsSpan(0, count));
        TorchOrder.FromStorage(parameter, stored.AsSpan(0, count), ordered.AsSpan(0, count));
        stream.Write(MemoryMarshal.AsBytes<float>(ordered.AsSpan(0, count)));
        ArrayPool<float>.Shared.Return(stored);
        ArrayPool<float>.Shared.Return(ordered);
    }

    private static float[] Values(Parameter parameter, Reader read)
    {
        var values = new float[parameter.Count];
        read(parameter, values);
        return TorchOrder.FromStorage(parameter, values);
    }
}
