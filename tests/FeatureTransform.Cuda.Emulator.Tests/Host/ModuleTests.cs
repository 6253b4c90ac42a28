using System.Text;
using FeatureTransform.Cuda.Emulator.Host;

namespace FeatureTransform.Cuda.Emulator.Tests.Host;

/// <summary>Which images are loaded, and what is found in them.</summary>
public sealed unsafe class ModuleTests : HostTest
{
    [Fact]
    public void A_kernel_has_its_attributes()
    {
        Executor.Registers = 40;
        using CudaModule module = LoadModule();
        CudaKernel kernel = module.GetKernel("bounded");
        Assert.Equal(128, kernel.MaxThreadsPerBlock);
        Assert.Equal(40, kernel.RegistersPerThread);
        AssertCode(CUresult.CUDA_ERROR_NOT_FOUND, () => module.GetKernel("table"));
        AssertNoFindings();
    }

    [Fact]
    public void A_variable_has_an_address_that_can_be_copied_to()
    {
        using CudaModule module = LoadModule();
        using CudaContextScope scope = Context.MakeCurrent();
        ulong address;
        nuint bytes;
        byte[] content = [1, 2, 3, 4];
        byte[] back = new byte[4];
        fixed (byte* name = "table"u8, none = "scale"u8, from = content, to = back)
        {
            Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuModuleGetGlobal_v2(&address, &bytes, module.Handle, name));
            Assert.Equal(64u, bytes);
            Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuMemcpyHtoD_v2(address + 60, from, 4));
            Assert.Equal(CUresult.CUDA_SUCCESS, Api.cuMemcpyDtoH_v2(to, address + 60, 4));
            Assert.Equal(CUresult.CUDA_ERROR_NOT_FOUND, Api.cuModuleGetGlobal_v2(&address, &bytes, module.Handle, none));
        }
        Assert.Equal(content, back);
        AssertNoFindings();
    }

    [Theory]
    [InlineData("\u007fELF\u0002\u0001", CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU, "PTX")]
    [InlineData("nonsense", CUresult.CUDA_ERROR_INVALID_IMAGE, "no PTX")]
    [InlineData(".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k()\n{\n  frobnicate.u32 %r1;\n}\n",
        CUresult.CUDA_ERROR_INVALID_PTX, "line 6")]
    [InlineData(".version 8.0\n.target sm_90\n.address_size 64\n", CUresult.CUDA_ERROR_INVALID_PTX, "sm_90")]
    [InlineData(".version 8.0\n.target sm_75\n.address_size 64\n", CUresult.CUDA_SUCCESS, "")]
    internal void An_image_is_loaded_or_refused_with_a_reason(string image, CUresult expected, string reason)
    {
        if (expected == CUresult.CUDA_SUCCESS)
        {
            new CudaModule(Context, Encoding.Latin1.GetBytes(image)).Dispose();
            AssertNoFindings();
            return;
        }
        CudaException exception =
            Assert.Throws<CudaException>(() => new CudaModule(Context, Encoding.Latin1.GetBytes(image)));
        Assert.Equal(expected.ToString(), exception.CodeName);
        Assert.Contains(reason, exception.Message); // it comes through the driver's log
        Assert.Contains(reason, TakeFinding(FindingKinds.UnsupportedImage).Message);
    }

    [Theory]
    [InlineData("sm_90a", true)]
    [InlineData("sm_80", true)]
    [InlineData("sm_100a", false)]
    [InlineData("sm_100", false)]
    public void PTX_is_for_its_architecture_and_later_ones(string target, bool isLoaded)
    {
        Start(new EmulatorOptions { Device = DeviceProfile.H100 });
        byte[] image = Encoding.UTF8.GetBytes($".version 8.6\n.target {target}\n.address_size 64\n");
        Exception? thrown = Record.Exception(() => new CudaModule(Context, image).Dispose());
        Assert.Equal(isLoaded, thrown is null);
    }

    [Fact]
    public void PTX_of_another_architecture_variant_is_refused()
    {
        Start(new EmulatorOptions { Device = DeviceProfile.H100 with { Major = 10, Minor = 0 } });
        AssertCode(
            CUresult.CUDA_ERROR_INVALID_PTX,
            () => new CudaModule(Context, ".version 8.6\n.target sm_90a\n.address_size 64\n"u8).Dispose());
    }
}
