using System.Diagnostics;
using Xunit;

namespace FeatureTransform.Cuda.Tests;

/// <summary>A C compiler takes the one struct that is passed by value as it is passed here.</summary>
public sealed unsafe class StructByValueTests
{
    private const string Program = """
        typedef struct { char internal[128]; } ncclUniqueId;
        int ncclCommInitRank(void** comm, int nranks, ncclUniqueId id, int rank)
        {
            int sum = 1000 * nranks + 100000 * rank;
            for (int i = 0; i < 128; i++) sum += id.internal[i];
            *comm = &id.internal[127] - &id.internal[0] == 127 ? (void*)(long)id.internal[127] : 0;
            return sum;
        }
        """;

    [Fact]
    public void A_unique_id_of_128_bytes()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        try
        {
            string source = Path.Combine(folder, "nccl.c"), library = Path.Combine(folder, "libfakenccl.so");
            File.WriteAllText(source, Program);
            Compile(source, library);
            var symbols = new NativeLibrarySource("fake NCCL", "FEATURETRANSFORM_TESTS_UNSET", library);
            var function = (delegate* unmanaged<nint*, int, ncclUniqueId, int, int>)symbols.Find("ncclCommInitRank");
            var id = default(ncclUniqueId);
            for (int i = 0; i < 128; i++)
            {
                id.@internal[i] = (byte)(i / 2);
            }
            nint last;
            Assert.Equal(4032 + 3000 + 500000, function(&last, 3, id, 5));
            Assert.Equal(63, last);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Compile(string source, string library)
    {
        try
        {
            using var compiler = Process.Start("gcc", ["-O1", "-shared", "-fPIC", "-o", library, source]);
            compiler.WaitForExit();
            Assert.Equal(0, compiler.ExitCode);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("gcc is not here.");
        }
    }
}
