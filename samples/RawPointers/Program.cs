// Feature transformation on CUDA, called with nothing but device addresses and a stream. The memory comes from the bindings
// here; any allocator's addresses do.
using FeatureTransform.Cuda;
using FeatureTransform.Native;

const int N = 256, C = 128, K = 65536, Steps = 100;
if (!CudaDriver.TryLoad(out CudaDriver? driver, out string? reason))
{
    Console.WriteLine($"No CUDA device: {reason}");
    return 1;
}

using var context = new CudaContext(driver.Devices[0]);
using var stream = new CudaStream(context);

// What is yours in a real program: outputs of the encoders, the queue, and room for the results.
using DeviceMemory q = Floats(N * C), k = Floats(N * C), queue = Floats(K * C);
using DeviceMemory dq = Floats(N * C), keys = Floats(N * C), loss = Floats(1), statistics = Floats(7 * N);
var random = new Random(1);
q.CopyFrom<float>(Gaussian(N * C), stream);
k.CopyFrom<float>(Gaussian(N * C), stream);
var rows = new FeatureQueue(K, C);
rows.Initialize(seed: 1);
queue.CopyFrom(rows.Bytes, stream);

var options = new FeatureTransformOptions { Tau = 0.2f, Seed = 1 };
using var step = new CudaContrastiveStep(options, new CudaStepShape(N, C, K), context);
step.SetState(step: 0, transform: true, position: 0, stream);
var buffers = new CudaStepBuffers
{
    QRaw = q.Address,
    KRaw = k.Address,
    Queue = queue.Address,
    DqRaw = dq.Address,
    Keys = keys.Address,
    Loss = loss.Address,
    Statistics = statistics.Address,
};

// Step number and ring position live on the device: one recorded step, replayed, is the whole run.
step.Run(buffers, N, stream);
step.Enqueue(buffers, N, stream);
stream.BeginCapture();
step.Run(buffers, N, stream);
step.Enqueue(buffers, N, stream);
using CudaGraph graph = stream.EndCapture();
using CudaGraphExec exec = graph.Instantiate();
for (int i = 1; i < Steps; i++)
{
    exec.Launch(stream);
}

float[] result = new float[1];
loss.CopyTo<float>(result, stream);
Console.WriteLine($"{driver.Devices[0].Name}: loss {result[0]:F4} after {Steps} steps");
return 0;

DeviceMemory Floats(long count) => new(context, count * sizeof(float));

float[] Gaussian(int count) =>
    [.. Enumerable.Range(0, count).Select(_ => (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())))];
