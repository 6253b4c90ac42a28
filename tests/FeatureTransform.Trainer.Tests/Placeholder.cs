using Xunit;

namespace FeatureTransform.Trainer.Tests;

public sealed class Placeholder
{
    [Fact]
    public void Runs() => Assert.True(true);
}
