using FeatureTransform.Native;
using FeatureTransform.Training.Devices;

namespace FeatureTransform.Training.Tests.Runs;

/// <summary>Parameters in plain arrays: a store without a device.</summary>
internal sealed class MemoryStore(ParameterLayout layout) : ParameterStore(layout)
{
    private readonly Dictionary<Parameter, float[]> values = [], gradients = [], momenta = [];

    public int Refreshed { get; private set; }

    /// <summary>A little network of a few odd shapes, filled from a seed.</summary>
    public static MemoryStore Small(ulong seed)
    {
        var layout = new ParameterLayout();
        _ = layout.Add("conv1.weight", ParameterKind.Convolution, 3, 2, 3, 3);
        _ = layout.Add("bn1.weight", ParameterKind.NormWeight, 3);
        _ = layout.Add("bn1.bias", ParameterKind.NormBias, 3);
        _ = layout.Add("bn1.running_mean", ParameterKind.RunningMean, 3);
        _ = layout.Add("bn1.running_var", ParameterKind.RunningVariance, 3);
        _ = layout.Add("fc.weight", ParameterKind.Linear, 5, 3);
        _ = layout.Add("fc.bias", ParameterKind.LinearBias, 5);
        var store = new MemoryStore(layout);
        store.Fill(seed);
        return store;
    }

    /// <summary>Random bits as values, gradients and momenta, NaN and infinities among them.</summary>
    public void Fill(ulong seed)
    {
        uint stream = 0;
        foreach (Parameter parameter in Layout.Trained.Concat(Layout.Buffers))
        {
            foreach (Dictionary<Parameter, float[]> kind in new[] { values, gradients, momenta })
            {
                uint use = stream++;
                kind[parameter] =
                [
                    .. Enumerable.Range(0, (int)parameter.Count).Select(i => BitConverter.UInt32BitsToSingle(
                        Philox.Element(seed, use, RandomUse.Augmentation, (ulong)i))),
                ];
            }
        }
    }

    /// <summary>Every bit of values and momenta.</summary>
    public IEnumerable<uint> Bits() => Layout.Trained.Concat(Layout.Buffers).SelectMany(
        parameter => values[parameter].Concat(parameter.Trained ? momenta[parameter] : [])).Select(BitConverter.SingleToUInt32Bits);

    public float[] Values(string name) => values.Single(entry => entry.Key.Name == name).Value;

    public override void Read(Parameter parameter, Span<float> destination) => values[parameter].CopyTo(destination);

    public override void Write(Parameter parameter, ReadOnlySpan<float> source) => values[parameter] = source.ToArray();

    public override void ReadGradient(Parameter parameter, Span<float> destination) => gradients[parameter].CopyTo(destination);

    public override void ReadMomentum(Parameter parameter, Span<float> destination) => momenta[parameter].CopyTo(destination);

    public override void WriteMomentum(Parameter parameter, ReadOnlySpan<float> source) => momenta[parameter] = source.ToArray();

    public override void Refresh() => Refreshed++;

    public override void Dispose()
    {
    }
}
