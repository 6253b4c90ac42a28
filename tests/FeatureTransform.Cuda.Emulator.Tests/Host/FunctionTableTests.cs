using System.Reflection;
using FeatureTransform.Cuda.Emulator.Host;

namespace FeatureTransform.Cuda.Emulator.Tests.Host;

/// <summary>Every function of the driver is there, under its name and with its parameters.</summary>
public sealed unsafe class FunctionTableTests : HostTest
{
    private static readonly FieldInfo[] Fields = [.. typeof(DriverApi)
        .GetFields(BindingFlags.Public | BindingFlags.Instance).Where(f => f.FieldType.IsFunctionPointer)];

    [Fact]
    public void Every_function_is_there_with_the_same_parameters()
    {
        Assert.NotEmpty(Fields);
        foreach (FieldInfo field in Fields)
        {
            MethodInfo method = Assert.IsAssignableFrom<MethodInfo>(
                typeof(DriverFunctions).GetMethod(field.Name, BindingFlags.Static | BindingFlags.NonPublic));
            Assert.NotEqual(0, Emulator.Find(field.Name));
            string expected = string.Join(", ", field.FieldType.GetFunctionPointerParameterTypes().Select(Name));
            string actual = string.Join(", ", method.GetParameters().Select(p => Name(p.ParameterType)));
            Assert.Equal($"{field.Name}({expected})", $"{method.Name}({actual})");
            Assert.Equal(field.FieldType.GetFunctionPointerReturnType(), method.ReturnType);
        }
    }

    [Fact]
    public void An_unknown_function_is_not_found()
    {
        Assert.Equal(0, Emulator.Find("cuMemAlloc"));
        Assert.Equal(0, Emulator.Find("cuInit_v9"));
    }

    [Fact]
    public void A_function_that_is_not_emulated_says_so()
    {
        nint handle;
        Assert.Equal(
            CUresult.CUDA_ERROR_NOT_SUPPORTED, Api.cuLibraryLoadData(&handle, null, null, null, 0, null, null, 0));
        Assert.Contains("cuLibraryLoadData", TakeFinding(FindingKinds.UnsupportedCall).Message);
    }

    [Theory]
    [InlineData("cuMemAlloc", "cuMemAlloc_v2")]
    [InlineData("cuMemAlloc_v2", "cuMemAlloc_v2")]
    [InlineData("cuInit", "cuInit")]
    [InlineData("cuNothing", null)]
    public void A_plain_name_gives_the_newest_function(string asked, string? expected)
    {
        void* address;
        CUdriverProcAddressQueryResult status;
        fixed (byte* name = System.Text.Encoding.UTF8.GetBytes(asked + '\0'))
        {
            Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuGetProcAddress_v2(name, &address, 12000, 0, &status));
        }
        Assert.Equal(expected is null ? 0 : Emulator.Find(expected), (nint)address);
        Assert.Equal(
            expected is null
                ? CUdriverProcAddressQueryResult.CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND
                : CUdriverProcAddressQueryResult.CU_GET_PROC_ADDRESS_SUCCESS,
            status);
    }

    private static string Name(Type type) => type.IsFunctionPointer ? "function" : type.ToString();
}
