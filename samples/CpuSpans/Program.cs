// Feature transformation on the CPU, called from a training loop that has its embeddings in spans.
// The "encoder" is a table of embeddings that plain gradient descent moves; each image's two views share an entry.
using FeatureTransform.Native;

const int N = 64, C = 32, K = 1024;
var options = new FeatureTransformOptions { Tau = 0.2f, Seed = 1 }; // both transformations at the paper's best settings
using var step = new ContrastiveStep(options, maxN: N, c: C);
var queue = new FeatureQueue(K, C);
queue.Initialize(seed: 1);

var random = new Random(1);
float[] qRaw = Gaussian(N * C), kRaw = Gaussian(N * C); // what the two encoders would give
float[] dqRaw = new float[N * C], keys = new float[N * C];
var statistics = new RowStatistics(N);

for (uint number = 0; number < 100; number++)
{
    float loss = step.Run(qRaw, kRaw, queue, number, transform: number >= 20, dqRaw, keys, statistics);
    queue.Enqueue(keys);
    for (int i = 0; i < qRaw.Length; i++)
    {
        qRaw[i] -= 30 * dqRaw[i]; // yours: backward through the encoder, then the optimiser
    }

    if (number % 20 == 19)
    {
        Console.WriteLine($"step {number + 1}: loss {loss:F3}, positive score {statistics.PositiveScore.Average():F3}, " +
            $"negative scores {statistics.NegativeMean.Average():F3}, top-1 {statistics.Rank.Count(rank => rank == 0) / (double)N:P0}");
    }
}

float[] Gaussian(int count) =>
    [.. Enumerable.Range(0, count).Select(_ => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())))];
