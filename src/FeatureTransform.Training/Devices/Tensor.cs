using FeatureTransform.Native;

namespace FeatureTransform.Training.Devices;

/// <summary>
/// A value that names an activation on a device: N x H x W x C, channels innermost; a matrix is N x 1 x 1 x C.
/// It is a handle, not an owner: whoever asked the device for it gives it back by <see cref="IDevice.Free"/>.
/// </summary>
internal readonly record struct Tensor(nint Handle, nint Data, ElementType Type, int N, int H, int W, int C)
{
    public bool Exists => Handle != 0;

    /// <summary>N x H x W, the rows of the tensor as a matrix with C columns.</summary>
    public long Pixels => (long)N * H * W;

    public long Count => Pixels * C;
}
