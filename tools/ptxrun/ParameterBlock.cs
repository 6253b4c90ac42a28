using FeatureTransform.Cuda.Emulator;

namespace FeatureTransform.PtxRun;

/// <summary>The bytes of a kernel's parameter list.</summary>
internal static class ParameterBlock
{
    /// <summary>Lays the arguments out as the kernel declares its parameters.</summary>
    /// <exception cref="BadInputException">They do not fit.</exception>
    public static byte[] Lay(
        string kernel, IReadOnlyList<PtxParameter> parameters, IReadOnlyList<CaseArgument> arguments, ulong[] addresses)
    {
        if (arguments.Count != parameters.Count)
        {
            throw new BadInputException($"{kernel} has {Count(parameters.Count)}, args has {arguments.Count}");
        }
        byte[] block = new byte[parameters.Count == 0 ? 0 : parameters[^1].Offset + parameters[^1].Bytes];
        for (int i = 0; i < arguments.Count; i++)
        {
            (byte[] content, string what) = arguments[i] switch
            {
                ValueArgument value => (value.Content, value.Type),
                _ => (BitConverter.GetBytes(addresses[i]), "the address of a buffer"),
            };
            if (content.Length != parameters[i].Bytes)
            {
                throw new BadInputException(
                    $"args[{i}] ({what}) has {content.Length} bytes, "
                    + $"the parameter {parameters[i].Name} of {kernel} has {parameters[i].Bytes}");
            }
            content.CopyTo(block, parameters[i].Offset);
        }
        return block;
    }

    private static string Count(int parameters) => parameters == 1 ? "1 parameter" : $"{parameters} parameters";
}
