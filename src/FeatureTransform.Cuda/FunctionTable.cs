using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.InteropServices;

namespace FeatureTransform.Cuda;

/// <summary>
/// The functions of one native library. Each public field of a derived class is a function pointer that bears the exact name of
/// the exported function; it is filled once, here. A table is an instance, so that a real library and a stand-in can be used in
/// one process.
/// </summary>
[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicFields)]
internal abstract class FunctionTable
{
    private readonly string minimum;

    /// <summary>Fills every field.</summary>
    /// <param name="source">Where the functions are taken from.</param>
    /// <param name="minimum">The oldest version that exports them all, as a message says it.</param>
    /// <exception cref="CudaException">A function is missing that is not marked as optional.</exception>
    private protected FunctionTable(ISymbolSource source, string minimum)
    {
        this.minimum = minimum;
        Name = source.Name;
        foreach (FieldInfo field in GetType().GetFields(BindingFlags.Public | BindingFlags.Instance))
        {
            if (!field.FieldType.IsFunctionPointer)
            {
                continue;
            }
            nint address = source.Find(field.Name);
            if (address == 0 && !field.IsDefined(typeof(OptionalSymbolAttribute)))
            {
                throw Missing(field.Name);
            }
            field.SetValue(this, address);
        }
    }

    /// <summary>What messages call the library.</summary>
    public string Name { get; }

    /// <summary>Asks whether an optional function is there, before it is called.</summary>
    /// <exception cref="CudaException">It is not.</exception>
    public unsafe void Require(void* function, string symbol)
    {
        if (function == null)
        {
            throw Missing(symbol);
        }
    }

    /// <summary>The exception for a failed call, whose name is taken out of the expression that made it.</summary>
    private protected unsafe CudaException Failure(string call, int code, byte* codeName, byte* text, string details = "") =>
        new(Name, FunctionOf(call), code, TextOf(codeName) ?? "", TextOf(text) ?? "", details);

    /// <summary>"cuInit" of "Api.cuInit(0)".</summary>
    internal static string FunctionOf(string expression)
    {
        string function = expression.Split('(', 2)[0];
        return function[(function.LastIndexOf('.') + 1)..];
    }

    /// <summary>Native text; null where there is none.</summary>
    internal static unsafe string? TextOf(byte* text) => Marshal.PtrToStringUTF8((nint)text);

    private CudaException Missing(string symbol) => CudaException.Unavailable(
        Name, symbol, $"the library does not export it; it needs to be {minimum} or newer");
}

/// <summary>
/// Marks a function that a library, or its stand-in, may lack until it is called: see <see cref="FunctionTable.Require"/>.
/// </summary>
[AttributeUsage(AttributeTargets.Field)]
internal sealed class OptionalSymbolAttribute : Attribute;
