using System.Globalization;

namespace FeatureTransform.Training.Data;

/// <summary>The images of a set that could not be decoded: names them to the person, and ends the work when they are too many.</summary>
internal sealed class UnreadableImages(int total)
{
    private const int Named = 3; // of more than these the message says only how many

    private readonly SortedDictionary<int, string> reasons = [];

    /// <summary>Whether this image is one of them.</summary>
    public bool Contains(int index)
    {
        lock (reasons)
        {
            return reasons.ContainsKey(index);
        }
    }

    /// <summary>Adds an image; false if it was there.</summary>
    public bool Add(int index, UnreadableImageException error)
    {
        lock (reasons)
        {
            return reasons.TryAdd(index, error.Message);
        }
    }

    /// <summary>One line for the person: what is wrong with which images, and what becomes of them; null where there are none.</summary>
    /// <exception cref="InvalidInputException">They are more than 1 % of the set.</exception>
    public string? Describe()
    {
        lock (reasons)
        {
            if (reasons.Count == 0)
            {
                return null;
            }

            string names = string.Join("; ", reasons.Values.Take(Named)) + (reasons.Count > Named ? "; ..." : "");
            string what = string.Create(
                CultureInfo.InvariantCulture, $"{reasons.Count} of {total} images cannot be decoded ({names})");
            return reasons.Count * 100L > total
                ? throw new InvalidInputException(what + ": at most 1 % may be damaged; repair or remove them.")
                : what + ": each is skipped and the next image stands in for it.";
        }
    }
}
