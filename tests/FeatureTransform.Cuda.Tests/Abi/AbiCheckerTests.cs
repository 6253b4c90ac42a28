#pragma warning disable CS0649 // Only the declarations are looked at.
using Xunit;

namespace FeatureTransform.Cuda.Tests.Abi;

/// <summary>The checker itself: it accepts right declarations and finds each kind of wrong one.</summary>
public sealed class AbiCheckerTests
{
    private const string Json = """
        {
          "library": "l", "version": "1", "declared_but_not_exported": ["inlined"],
          "enums": { "Result": { "OK": 0, "BAD": 7 } },
          "structs": { "Config": { "size": 16, "also": ["ConfigAlias"], "fields": [
            { "name": "count", "offset": 0, "size": 4, "kind": "u32" },
            { "name": "stream", "offset": 8, "size": 8, "kind": "handle" }] } },
          "functions": [
            { "name": "f", "returns": { "c_type": "Result", "kind": "enum:Result", "size": 4 }, "params": [
              { "name": "p", "c_type": "Handle *", "kind": "ptr", "size": 8, "to": "handle" },
              { "name": "n", "c_type": "size_t", "kind": "u64", "size": 8 },
              { "name": "c", "c_type": "const Config *", "kind": "ptr", "size": 8, "to": "struct:ConfigAlias" },
              { "name": "d", "c_type": "Descriptor", "kind": "ptr", "size": 8, "to": "void" },
              { "name": "a", "c_type": "void **", "kind": "ptr", "size": 8, "to": "ptr" },
              { "name": "k", "c_type": "int", "kind": "i32", "size": 4 }] },
            { "name": "g", "superseded": true,
              "returns": { "c_type": "Result", "kind": "enum:Result", "size": 4 }, "params": [] },
            { "name": "j", "returns": { "c_type": "void", "kind": "void", "size": 0 }, "params": [
              { "name": "r", "c_type": "Config[]", "kind": "ptr", "size": 8 }] },
            { "name": "inlined", "returns": { "c_type": "Result", "kind": "enum:Result", "size": 4 }, "params": [] },
            { "name": "h", "in": ["libx.so.1"], "returns": { "c_type": "void", "kind": "void", "size": 0 }, "params": [] },
            { "name": "i", "in": ["liby.so.1"], "returns": { "c_type": "void", "kind": "void", "size": 0 }, "params": [] }
          ]
        }
        """;

    private static readonly AbiFile File = AbiFile.Parse(Json);

    private static readonly AbiChecker Checker = new([File], new Dictionary<string, string>());

    [Fact]
    public void Right_declarations_pass()
    {
        Assert.Empty(Checker.CheckTable(typeof(Right)));
        Assert.Empty(Checker.CheckStruct(typeof(Right.Config)));
        Assert.Empty(Checker.CheckEnum(typeof(Right.Result)));
    }

    [Theory]
    [InlineData(typeof(WrongName), "exported by no version")]
    [InlineData(typeof(Inlined), "exported by no version")]
    [InlineData(typeof(TooFew), "5 parameters, not 6")]
    [InlineData(typeof(WrongSize), "n is System.UInt32")]
    [InlineData(typeof(WrongSign), "k is System.UInt32")]
    [InlineData(typeof(NoPointer), "p is System.IntPtr")]
    [InlineData(typeof(WrongPointee), "p is System.Int32*")]
    [InlineData(typeof(WrongDepth), "a is System.Void*")]
    [InlineData(typeof(WrongReturn), "return value is System.Void")]
    [InlineData(typeof(WrongArray), "r is System.Int32*")]
    [InlineData(typeof(WrongHandle), "d is System.Int64")]
    [InlineData(typeof(Superseded), "superseded")]
    [InlineData(typeof(Managed), "managed function pointer")]
    [InlineData(typeof(TwoLibraries), "not all of one library")]
    [InlineData(typeof(Unknown), "no library exports any")]
    public void Wrong_tables_are_found(Type table, string problem) =>
        Assert.Contains(Checker.CheckTable(table), sentence => sentence.Contains(problem, StringComparison.Ordinal));

    [Fact]
    public void A_function_of_one_version_alone_must_be_optional()
    {
        AbiFile older = File with { Version = "0", Functions = File.Functions.Where(entry => entry.Key != "f").ToDictionary() };
        var checker = new AbiChecker([older, File], new Dictionary<string, string>());
        Assert.Contains("f: exported by l 1 only", checker.CheckTable(typeof(Right)));
        Assert.Empty(checker.CheckTable(typeof(OptionalRight)));
    }

    [Theory]
    [InlineData(typeof(Swapped.Config), "count")]
    [InlineData(typeof(Lacking.Config), "lacks stream")]
    [InlineData(typeof(Right), "no such struct")]
    public void Wrong_structs_are_found(Type type, string problem) =>
        Assert.Contains(Checker.CheckStruct(type), sentence => sentence.Contains(problem, StringComparison.Ordinal));

    [Theory]
    [InlineData(typeof(Swapped.Result), "BAD = 8: it is 7")]
    [InlineData(typeof(Lacking.Result), "WORSE = 9: no such member")]
    [InlineData(typeof(Long.Result), "not of 4 bytes")]
    [InlineData(typeof(DayOfWeek), "no such enum")]
    public void Wrong_enums_are_found(Type type, string problem) =>
        Assert.Contains(Checker.CheckEnum(type), sentence => sentence.Contains(problem, StringComparison.Ordinal));

    private unsafe class Right
    {
        public enum Result { OK, BAD = 7 }

        public struct Config
        {
            public uint count;
            public nint stream;
        }

        public delegate* unmanaged<nint*, nuint, Config*, nint, void**, int, Result> f;
        public delegate* unmanaged<Config*, void> j;
    }

    private sealed unsafe class OptionalRight
    {
        [OptionalSymbol]
        public delegate* unmanaged<nint*, nuint, Right.Config*, nint, void**, int, Right.Result> f;
        public delegate* unmanaged<void> h;
    }

    private static class Swapped
    {
        public enum Result { OK, BAD = 8 }

        public struct Config
        {
            public nint stream;
            public uint count;
        }
    }

    private static class Lacking
    {
        public enum Result { OK, WORSE = 9 }

        public struct Config
        {
            public uint count;
        }
    }

    private static class Long
    {
        public enum Result : long { OK }
    }

    private sealed unsafe class WrongName : Right
    {
        public delegate* unmanaged<Result> f_v2;
    }

    private sealed unsafe class Inlined : Right
    {
        public delegate* unmanaged<Result> inlined;
    }

    private sealed unsafe class TooFew
    {
        public delegate* unmanaged<nint*, nuint, Right.Config*, nint, void**, Right.Result> f;
    }

    private sealed unsafe class WrongSize
    {
        public delegate* unmanaged<nint*, uint, Right.Config*, nint, void**, int, Right.Result> f;
    }

    private sealed unsafe class WrongSign
    {
        public delegate* unmanaged<nint*, nuint, Right.Config*, nint, void**, uint, Right.Result> f;
    }

    private sealed unsafe class NoPointer
    {
        public delegate* unmanaged<nint, nuint, Right.Config*, nint, void**, int, Right.Result> f;
    }

    private sealed unsafe class WrongPointee
    {
        public delegate* unmanaged<int*, nuint, Right.Config*, nint, void**, int, Right.Result> f;
    }

    private sealed unsafe class WrongDepth
    {
        public delegate* unmanaged<nint*, nuint, Right.Config*, nint, void*, int, Right.Result> f;
    }

    private sealed unsafe class WrongReturn
    {
        public delegate* unmanaged<nint*, nuint, Right.Config*, nint, void**, int, void> f;
    }

    private sealed unsafe class WrongArray
    {
        public delegate* unmanaged<int*, void> j;
    }

    private sealed unsafe class WrongHandle
    {
        public delegate* unmanaged<nint*, nuint, Right.Config*, long, void**, int, Right.Result> f;
    }

    private sealed unsafe class Superseded
    {
        public delegate* unmanaged<Right.Result> g;
    }

    private sealed unsafe class Managed
    {
        public delegate*<nint*, nuint, Right.Config*, nint, void**, int, Right.Result> f;
    }

    private sealed unsafe class TwoLibraries
    {
        public delegate* unmanaged<void> h;
        public delegate* unmanaged<void> i;
    }

    private sealed unsafe class Unknown
    {
        public delegate* unmanaged<void> nothing;
    }
}
