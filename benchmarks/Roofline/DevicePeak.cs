namespace FeatureTransform.Benchmarks.Roofline;

/// <summary>What a device can do at most, from its data sheet: products of bf16 without sparsity, and its memory.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Flops">Operations a second.</param>
/// <param name="Bandwidth">Bytes a second from and to its memory.</param>
/// <param name="Link">Bytes a second from the host, PCI Express x16 in one direction.</param>
internal sealed record DevicePeak(string Name, double Flops, double Bandwidth, double Link)
{
    /// <summary>A100 80GB SXM: NVIDIA A100 Tensor Core GPU data sheet, 2021; PCI Express 4.0.</summary>
    public static readonly DevicePeak A100 = new("A100", 312e12, 2039e9, 32e9);

    /// <summary>H100 SXM: NVIDIA H100 Tensor Core GPU data sheet, whose 1979 TFLOP/s are with sparsity; PCI Express 5.0.</summary>
    public static readonly DevicePeak H100 = new("H100", 989.5e12, 3350e9, 64e9);

    public static readonly DevicePeak[] All = [A100, H100];

    /// <summary>Seconds that work takes at least.</summary>
    public double Seconds(LayerWork work) => Math.Max(work.Flops / Flops, work.Bytes / Bandwidth);

    /// <summary>Whether arithmetic is what work waits for.</summary>
    public bool Computes(LayerWork work) => work.Flops / Flops > work.Bytes / Bandwidth;
}

/// <summary>One operation of a step.</summary>
/// <param name="Group">What it belongs to, a row of the table.</param>
/// <param name="Flops">Multiplications and additions of its products; what is done element by element is left out.</param>
/// <param name="Bytes">Bytes of the tensors that it reads and writes, each once.</param>
internal readonly record struct LayerWork(string Group, double Flops, double Bytes);
