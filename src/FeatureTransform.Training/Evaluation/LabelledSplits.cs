using FeatureTransform.Training.Data;

namespace FeatureTransform.Training.Evaluation;

/// <summary>What an evaluation by labels needs of a source of images.</summary>
internal static class LabelledSplits
{
    /// <summary>The test images of splits that can be evaluated.</summary>
    /// <exception cref="InvalidInputException">No classes, one class, or no test images.</exception>
    public static IImageSet RequireTest(ImageSplits splits, string evaluation)
    {
        int classes = splits.Train.Classes.Count;
        if (classes < 2)
        {
            throw new InvalidInputException(
                $"{splits.Description} has {(classes == 0 ? "no classes" : $"one class only ('{splits.Train.Classes[0]}')")}: {evaluation} " +
                "needs at least 2; give images in a folder for each class (train/<class>/, test/<class>/).");
        }

        return splits.Test is { Count: > 0 } test
            ? test
            : throw new InvalidInputException(
                $"{splits.Description} has no test images: {evaluation} needs some; add a folder test/<class>/ (or val/<class>/).");
    }
}
