namespace FeatureTransform.Training.Data;

/// <summary>A file with one class name a line, as ImageNet-100 is given: the classes to use, the others are left out.</summary>
internal static class ClassList
{
    /// <summary>Keeps the listed classes in all splits of a source that have classes.</summary>
    /// <exception cref="InvalidInputException">The file cannot be read or is empty, or it names a class that the images do not have.</exception>
    public static SourceReaders Apply(string path, SourceReaders source)
    {
        HashSet<string> names = Read(path);
        string[] missing = [.. names.Where(name => !source.Train.Classes.Contains(name))];
        if (missing.Length > 0)
        {
            throw new InvalidInputException(
                $"The class list {path} names {missing[0]}{(missing.Length > 1 ? $" and {missing.Length - 1} more" : "")}, which {source.Name} does not have; "
                + (source.Train.Classes.Count == 0 ? "its images have no classes." : $"expected names of its {source.Train.Classes.Count} classes, such as {source.Train.Classes[0]}."));
        }

        return source with
        {
            Train = ImageSelection.OfClasses(source.Train, names),
            Test = source.Test is null ? null : ImageSelection.OfClasses(source.Test, names),
        };
    }

    private static HashSet<string> Read(string path)
    {
        try
        {
            HashSet<string> names = [.. File.ReadAllLines(path).Select(line => line.Trim()).Where(line => line.Length > 0)];
            return names.Count > 0 ? names : throw new InvalidInputException($"The class list {path} is empty; expected one class name a line.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new InvalidInputException($"The class list {path} cannot be read: {error.Message}", error);
        }
    }
}
