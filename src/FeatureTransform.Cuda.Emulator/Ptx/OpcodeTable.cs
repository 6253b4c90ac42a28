namespace FeatureTransform.Cuda.Emulator.Ptx;

/// <summary>The instructions the emulator knows: opcodes, and the modifiers and types of each.</summary>
internal static partial class OpcodeTable
{
    private const string Int32To64 = "u16 u32 u64 s16 s32 s64";
    private const string Bits16To64 = "b16 b32 b64";
    private const string Halves = "f16 f16x2 bf16 bf16x2";
    private const string AnyScalar = "b16 b32 b64 u16 u32 u64 s16 s32 s64 f32 f64";
    private const string MemoryTypes = "b8 b16 b32 b64 b128 u8 u16 u32 u64 s8 s16 s32 s64 f32 f64 f16 bf16 f16x2 bf16x2";
    private const string Comparison = "eq/ne/lt/le/gt/ge/lo/ls/hi/hs/equ/neu/ltu/leu/gtu/geu/num/nan";
    private const string Rounding = "rn/rz/rm/rp";
    private const string Scope = "cta/cluster/gpu/sys";
    private const string CacheHints =
        "L1::evict_normal/L1::evict_unchanged/L1::evict_first/L1::evict_last/L1::no_allocate L2::cache_hint "
        + "L2::64B/L2::128B/L2::256B L2::evict_last/L2::evict_first/L2::evict_normal";
    private const string Spaces = "global/local/shared/shared::cta/shared::cluster/const/param/param::entry/param::func";

    private static readonly Dictionary<string, OpcodeEntry> Entries = Integer().Concat(FloatingPoint()).Concat(Data())
        .Concat(Memory()).Concat(Parallel()).Concat(Control()).Concat(Video()).ToDictionary(e => e.Name, StringComparer.Ordinal);

    /// <summary>Families that need hardware this emulator does not model, with the reason given to the user.</summary>
    private static readonly (string Prefix, string Reason)[] Refused =
    [
        ("wgmma", "warpgroup matrix operations are not emulated; use mma.sync"),
        ("tcgen05", "fifth-generation tensor cores are not emulated; use mma.sync"),
        ("cp.async.bulk.tensor", "tensor maps are not emulated; use cp.async or cp.async.bulk"),
        ("tex", "textures are not emulated; use ld.global.nc"),
        ("tld4", "textures are not emulated; use ld.global.nc"),
        ("txq", "textures are not emulated"),
        ("suld", "surfaces are not emulated; use ld.global"),
        ("sust", "surfaces are not emulated; use st.global"),
        ("sured", "surfaces are not emulated; use red.global"),
        ("suq", "surfaces are not emulated"),
        ("istypep", "textures are not emulated"),
    ];

    /// <summary>
    /// The entry for an opcode: the longest known name made of the opcode and the dotted names behind it.
    /// </summary>
    /// <param name="opcode">The first word.</param>
    /// <param name="dotted">The dotted names behind it.</param>
    /// <param name="used">How many of them belong to the name.</param>
    public static OpcodeEntry Find(Token opcode, ReadOnlySpan<Token> dotted, out int used)
    {
        string name = opcode.Text;
        OpcodeEntry? found = Entries.GetValueOrDefault(name);
        used = 0;
        string full = name;
        for (int i = 0; i < Math.Min(4, dotted.Length); i++)
        {
            full += "." + dotted[i].Text;
            if (Entries.TryGetValue(full, out OpcodeEntry? longer))
            {
                found = longer;
                used = i + 1;
            }
        }
        foreach ((string prefix, string reason) in Refused)
        {
            if (full.StartsWith(prefix, StringComparison.Ordinal) && (full.Length == prefix.Length || full[prefix.Length] == '.'))
            {
                throw new PtxException(opcode.Line, $"{full}: {reason}");
            }
        }
        if (found is null)
        {
            var family = Entries.Keys.Where(k => k.StartsWith(name + ".", StringComparison.Ordinal)).Order(StringComparer.Ordinal)
                .ToList();
            throw new PtxException(opcode.Line, family.Count > 0
                ? $"{full} is no instruction of the emulator; it knows {string.Join(' ', family)}"
                : $"the opcode '{name}' is not known; near it: {string.Join(' ', Near(name))}");
        }
        return found;
    }

    private static IEnumerable<string> Near(string name) =>
        Entries.Keys.OrderBy(k => Distance(k, name)).ThenBy(k => k, StringComparer.Ordinal).Take(4);

    private static int Distance(string a, string b)
    {
        if (b.Length > 32)
        {
            return a.Length;
        }
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int above = row[j];
                row[j] = Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }
        return row[^1];
    }
}
