// Feature transformation inside a program that owns its context, stream and memory through ManagedCuda. Nothing of them is
// destroyed here: they are used by their raw handles. In your program delete ManagedCudaStandIn.cs and add the package; here
// the stand-in only makes the source compile.
using FeatureTransform.Cuda;
using FeatureTransform.Native;
using ManagedCuda;

const int N = 256, C = 128, K = 65536;

// ManagedCuda's side.
using var theirContext = new PrimaryContext(0);
theirContext.SetCurrent();
using var theirStream = new ManagedCuda.CudaStream();
using var q = new CudaDeviceVariable<float>(N * C);
using var k = new CudaDeviceVariable<float>(N * C);
using var queue = new CudaDeviceVariable<float>(K * C);
using var dq = new CudaDeviceVariable<float>(N * C);
using var keys = new CudaDeviceVariable<float>(N * C);
using var loss = new CudaDeviceVariable<float>(1);
using var statistics = new CudaDeviceVariable<float>(7 * N);

// Ours: handles go in as they are.
CudaDriver driver = CudaDriver.Load();
using var context = new CudaContext(driver, theirContext.Context.Pointer);
using var stream = new FeatureTransform.Cuda.CudaStream(context, theirStream.Stream.Pointer);
using var step = new CudaContrastiveStep(new FeatureTransformOptions(), new CudaStepShape(N, C, K), context);
step.SetState(step: 0, transform: true, position: 0, stream);
var buffers = new CudaStepBuffers
{
    QRaw = q.DevicePointer.Pointer,
    KRaw = k.DevicePointer.Pointer,
    Queue = queue.DevicePointer.Pointer,
    DqRaw = dq.DevicePointer.Pointer,
    Keys = keys.DevicePointer.Pointer,
    Loss = loss.DevicePointer.Pointer,
    Statistics = statistics.DevicePointer.Pointer,
};
step.Run(buffers, N, stream); // returns at once; ordered in their stream
step.Enqueue(buffers, N, stream);
theirStream.Synchronize();
