using FeatureTransform.Cuda;

namespace FeatureTransform.Native.Cuda;

/// <summary>kernels/training_step.cu: the kernels of <see cref="BiasRelu"/>, <see cref="Cast"/>, <see cref="Ema"/>,
/// <see cref="GlobalAverage"/> and <see cref="Sgd"/>, compiled together.</summary>
internal static class TrainingStepProgram
{
    /// <summary>The program where activations have this type.</summary>
    public static KernelVariant VariantOf(ElementType type) => new("training_step.cu", Launches.Flag("FT_BF16", type));
}
