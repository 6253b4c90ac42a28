using FeatureTransform.Native;
using FeatureTransform.Training.Options;
using FeatureTransform.Training.Runs;
using Xunit;

namespace FeatureTransform.Training.Tests.Runs;

public sealed class CheckpointTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly MessageLog log = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(ElementType.Float32)]
    [InlineData(ElementType.BFloat16)]
    public void State_comes_back_to_the_same_bits(ElementType type)
    {
        CheckpointState state = State(1234, type);
        Checkpoint.Save(folder["c"], state);
        using var query = MemoryStore.Small(50);
        using var key = MemoryStore.Small(51);
        var queue = new FeatureQueue(7, 5, type);
        using (Checkpoint checkpoint = Checkpoint.Open(folder["c"]))
        {
            Assert.Equal((1234, 12), (checkpoint.Step, checkpoint.Epoch));
            Assert.Equal(state.EpochTotals.Select(BitConverter.DoubleToInt64Bits), checkpoint.EpochTotals.Select(BitConverter.DoubleToInt64Bits));
            Assert.Equal(state.Options, checkpoint.Options);
            checkpoint.Restore(query, key, queue);
        }

        Assert.Equal(((MemoryStore)state.Query).Bits(), query.Bits());
        Assert.Equal(1, query.Refreshed);
        Assert.Equal(1, key.Refreshed);
        foreach (string name in new[] { "conv1.weight", "bn1.running_mean", "fc.bias" })
        {
            Assert.Equal(
                ((MemoryStore)state.Key).Values(name).Select(BitConverter.SingleToUInt32Bits),
                key.Values(name).Select(BitConverter.SingleToUInt32Bits));
        }

        Assert.Equal(state.Queue.Bytes.ToArray(), queue.Bytes.ToArray());
        Assert.Equal(3, queue.Position);
    }

    [Fact]
    public void The_same_state_gives_the_same_file()
    {
        Checkpoint.Save(folder["a"], State(5));
        Checkpoint.Save(folder["b"], State(5));
        Assert.Equal(File.ReadAllBytes(folder["a"]), File.ReadAllBytes(folder["b"]));
    }

    [Fact]
    public void A_convolution_is_stored_in_torch_order()
    {
        CheckpointState state = State(1);
        Checkpoint.Save(folder["c"], state);
        using SafeTensorsFile file = SafeTensorsFile.Open(folder["c"]);
        // Storage K x R x S x C, file K x C x R x S: filter 2, channel 1, row 0, column 2.
        float stored = ((MemoryStore)state.Query).Values("conv1.weight")[(((2 * 9) + 2) * 2) + 1];
        float written = file.ReadFloats("query.conv1.weight", 3, 2, 3, 3)[(((2 * 2) + 1) * 9) + 2];
        Assert.Equal(BitConverter.SingleToUInt32Bits(stored), BitConverter.SingleToUInt32Bits(written));
    }

    [Fact]
    public void Any_changed_byte_and_any_truncation_is_refused()
    {
        Checkpoint.Save(folder["c"], State(9));
        byte[] good = File.ReadAllBytes(folder["c"]);
        // The 200 first bytes, where the format lives, and 300 drawn from all of them.
        IEnumerable<int> positions = Enumerable.Range(0, 200).Concat(Enumerable.Range(0, 300).Select(
            i => (int)(Philox.Element(3, 0, RandomUse.Augmentation, (ulong)i) % (uint)good.Length)));
        foreach (int position in positions)
        {
            byte[] bad = [.. good];
            bad[position] ^= (byte)(1 + (Philox.Element(4, 0, RandomUse.Augmentation, (ulong)position) % 255));
            File.WriteAllBytes(folder["bad"], bad);
            Refused($"byte {position} changed");
            File.WriteAllBytes(folder["bad"], good[..position]);
            Refused($"cut after {position} bytes");
        }

        File.WriteAllBytes(folder["bad"], [.. good, 0]);
        Refused("a byte added");
    }

    [Fact]
    public void The_newest_good_checkpoint_is_used_and_each_damaged_one_named()
    {
        var checkpoints = new CheckpointFolder(folder.Path);
        Assert.Null(checkpoints.OpenNewestGood(log));
        RunOptions keep = new() { KeepCheckpoints = 9 };
        foreach (long step in new long[] { 90, 100, 110 })
        {
            checkpoints.Save(State(step, run: keep), 10);
        }

        Damage(110);
        using (Checkpoint? found = checkpoints.OpenNewestGood(log))
        {
            Assert.Equal(100, found!.Step);
        }

        Assert.Contains("step-0000000110.safetensors", Assert.Single(log.Messages), StringComparison.Ordinal);
        File.WriteAllBytes(folder["step-0000000100.safetensors"], []);
        File.WriteAllText(folder["step-x.safetensors"], "not ours");
        using (Checkpoint? found = checkpoints.OpenNewestGood(log))
        {
            Assert.Equal(90, found!.Step);
        }

        Assert.Equal(3, log.Messages.Count);
        Damage(90);
        InvalidInputException error = Assert.Throws<InvalidInputException>(() => checkpoints.OpenNewestGood(log));
        Assert.Contains("None of the 3 checkpoints", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 0, "")]
    [InlineData(1, 0, "70")]
    [InlineData(2, 0, "60 70")]
    [InlineData(2, 2, "20 40 60 70")]
    [InlineData(1, 3, "30 60 70")]
    [InlineData(99, 0, "5 10 15 20 30 40 50 60 70")]
    public void Retention_keeps_the_newest_and_each_Mth_epoch(int keep, int every, string expected)
    {
        var checkpoints = new CheckpointFolder(folder.Path);
        foreach (long step in new long[] { 5, 10, 15, 20, 30, 40, 50, 60, 70 })
        {
            checkpoints.Save(State(step, run: new RunOptions { KeepCheckpoints = keep, KeepEveryEpochs = every }), stepsPerEpoch: 10);
        }

        Assert.Equal(expected, Steps());
    }

    [Fact]
    public void After_a_resume_from_an_older_one_what_lies_beyond_goes_and_the_good_stay()
    {
        var checkpoints = new CheckpointFolder(folder.Path);
        foreach (long step in new long[] { 10, 20, 30 })
        {
            checkpoints.Save(State(step, run: new RunOptions { KeepCheckpoints = 3 }), 10);
        }

        Damage(30);
        checkpoints.Save(State(25, run: new RunOptions { KeepCheckpoints = 2 }), 10);
        Assert.Equal("20 25", Steps());
    }

    [Fact]
    public void A_save_that_fails_leaves_the_previous_ones()
    {
        var checkpoints = new CheckpointFolder(folder.Path);
        CheckpointState state = State(10, run: new RunOptions { KeepCheckpoints = 1 });
        checkpoints.Save(state, 10);
        byte[] before = File.ReadAllBytes(folder["step-0000000010.safetensors"]);
        // A folder in the temporary file's place cannot be written, for root neither.
        Directory.CreateDirectory(folder["step-0000000020.safetensors.tmp"]);
        InvalidInputException error = Assert.Throws<InvalidInputException>(() => checkpoints.Save(state with { Step = 20 }, 10));
        Assert.Contains("step-0000000020.safetensors", error.Message, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(folder["step-0000000010.safetensors"]));
        using Checkpoint? found = checkpoints.OpenNewestGood(log);
        Assert.Equal(10, found!.Step);
    }

    [Fact]
    public void An_exported_file_is_no_checkpoint()
    {
        SafeTensorsWriter.Write(folder["e"], [], [SafeTensor.Of("x", new[] { 1f }, 1)]);
        Assert.Throws<InvalidInputException>(() => Checkpoint.Open(folder["e"]));
    }

    [Fact]
    public void Models_of_another_shape_are_refused()
    {
        Checkpoint.Save(folder["c"], State(1));
        using Checkpoint checkpoint = Checkpoint.Open(folder["c"]);
        using var store = MemoryStore.Small(1);
        InvalidInputException error = Assert.Throws<InvalidInputException>(() => checkpoint.Restore(store, store, new FeatureQueue(8, 5)));
        Assert.Contains("'queue' is F32 of shape [7, 5]: expected F32 of shape [8, 5]", error.Message, StringComparison.Ordinal);
    }

    private static CheckpointState State(long step, ElementType type = ElementType.Float32, RunOptions? run = null)
    {
        var queue = new FeatureQueue(7, 5, type);
        queue.Initialize(3);
        queue.Enqueue(new float[3 * 5]);
        var options = new PretrainOptions { Run = run ?? new RunOptions { Seed = ulong.MaxValue }, Data = new DataOptions { Source = "/a \"b\"/ü" } };
        return new CheckpointState(
            MemoryStore.Small((ulong)step), MemoryStore.Small((ulong)step + 1), queue, options, step, (int)(step / 100),
            [0.1, double.NaN, -1e300]);
    }

    private void Damage(long step)
    {
        string path = folder[$"step-{step:D10}.safetensors"];
        byte[] bytes = File.ReadAllBytes(path);
        bytes[^1] ^= 64;
        File.WriteAllBytes(path, bytes);
    }

    private void Refused(string what)
    {
        InvalidInputException? error = null;
        try
        {
            Checkpoint.Open(folder["bad"]).Dispose();
        }
        catch (InvalidInputException refused)
        {
            error = refused;
        }

        Assert.True(error is not null, what + " was not refused");
        Assert.Contains(folder["bad"], error!.Message, StringComparison.Ordinal);
    }

    private string Steps() => string.Join(' ', Directory.GetFiles(folder.Path).Order(StringComparer.Ordinal).Select(
        file => long.Parse(Path.GetFileNameWithoutExtension(file)[5..], System.Globalization.CultureInfo.InvariantCulture)));
}
