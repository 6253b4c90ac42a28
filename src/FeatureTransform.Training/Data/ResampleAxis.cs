namespace FeatureTransform.Training.Data;

/// <summary>
/// The weights of one axis of an antialiased bilinear resize, as torchvision and Pillow define it. Output i is centred on
/// c = (i + 1/2) s with s = input / output length; input j weighs max(0, 1 - |j + 1/2 - c| / max(s, 1)); the weights of an
/// output are divided by their sum. They are kept as <see cref="Taps"/> weights from <see cref="Start"/> on, the last ones zero.
/// </summary>
internal sealed unsafe class ResampleAxis
{
    /// <summary>Outputs are padded with zero weights to a multiple of this.</summary>
    public const int Group = 4;

    private int[] _start = [];
    private int[] _count = [];
    private double[] _unscaled = [];
    private AlignedFloats _weights = new(0);

    /// <summary>Weights of each output.</summary>
    public int Taps { get; private set; }

    /// <summary>First input of each output.</summary>
    public ReadOnlySpan<int> Start => _start;

    /// <summary>Inputs of each output, at most <see cref="Taps"/>.</summary>
    public ReadOnlySpan<int> Count => _count;

    /// <summary>Outputs x <see cref="Taps"/>.</summary>
    public float* Weights => _weights.Pointer;

    /// <summary>Computes the weights; allocates only to grow.</summary>
    /// <param name="input">Length of the input.</param>
    /// <param name="output">Length of the whole output.</param>
    /// <param name="first">First output wanted.</param>
    /// <param name="count">Outputs wanted.</param>
    /// <param name="reversed">Whether they are kept from last to first.</param>
    /// <param name="gain">Factor on all weights.</param>
    public void Fill(int input, int output, int first, int count, bool reversed, double gain)
    {
        double scale = (double)input / output, support = Math.Max(scale, 1), inverse = 1 / support;
        Taps = (2 * (int)Math.Ceiling(support)) + 1;
        Reserve((count + Group - 1) / Group * Group);
        for (int i = 0; i < count; i++)
        {
            double center = (first + i + 0.5) * scale;
            int start = Math.Max((int)(center - support + 0.5), 0);
            int taps = Math.Min((int)(center + support + 0.5), input) - start;
            int row = reversed ? count - 1 - i : i;
            Fill(Weights + (row * Taps), taps, (start + 0.5 - center) * inverse, inverse, gain);
            (_start[row], _count[row]) = (start, taps);
        }
    }

    private void Fill(float* weights, int taps, double offset, double inverse, double gain)
    {
        double sum = 0;
        for (int t = 0; t < taps; t++)
        {
            double weight = 1 - Math.Abs(offset + (t * inverse));
            _unscaled[t] = weight > 0 ? weight : 0;
            sum += _unscaled[t];
        }

        double factor = gain / sum;
        for (int t = 0; t < Taps; t++)
        {
            weights[t] = t < taps ? (float)(factor * _unscaled[t]) : 0;
        }
    }

    private void Reserve(int outputs)
    {
        if (_start.Length < outputs)
        {
            (_start, _count) = (new int[outputs], new int[outputs]);
        }

        if (_unscaled.Length < Taps)
        {
            _unscaled = new double[Taps];
        }

        AlignedFloats.Reserve(ref _weights, outputs * Taps);
    }
}
