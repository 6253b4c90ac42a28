using FeatureTransform.Cuda;
using FeatureTransform.Native.Cuda;

namespace FeatureTransform.Native;

/// <summary>
/// InfoNCE with feature transformation on a CUDA device (Zhu et al., ICCV 2021, section 4): the same step as
/// <see cref="ContrastiveStep"/>, on device addresses and a stream. After construction nothing is allocated and nothing waits for
/// the device; step number, begin of the transformation and ring position live in device memory, so that a captured
/// <see cref="Run"/> and <see cref="Enqueue"/> can be replayed through a whole run. The same inputs give the same bits on the same
/// device. For one thread and one stream at a time.
/// </summary>
public sealed class CudaContrastiveStep : IDisposable
{
    private readonly StepPlan plan;
    private readonly KernelLibrary kernels;
    private readonly DeviceMemory workspace, stepWord, transformWord, positionWord;
    private readonly bool ownsKernels, ownsWorkspace;
    private readonly MixPositive mixPositive;
    private readonly MixQueue? mixQueue;
    private readonly InfoNce infonce;
    private readonly InfoNceFinish finish;
    private readonly Enqueue enqueue;

    /// <summary>Compiles or loads the kernels and prepares steps. Allocates, and waits for the device.</summary>
    /// <param name="options">Temperature and transformations.</param>
    /// <param name="shape">Sizes and element types.</param>
    /// <param name="context">Where kernels and workspace live; a borrowed one will do.</param>
    /// <param name="kernels">Kernels to share with others, from <see cref="LoadKernels"/>; null: an own library.</param>
    /// <param name="workspace">
    /// At least <see cref="GetWorkspaceBytes"/> bytes at a multiple of 256, which stay the caller's; null: allocated here.
    /// </param>
    /// <exception cref="ArgumentException">A size or an option is outside its range, or the workspace does not fit.</exception>
    /// <exception cref="CudaException">The device refuses, or no kernel can be had for it.</exception>
    public CudaContrastiveStep(
        FeatureTransformOptions options, CudaStepShape shape, CudaContext context, KernelLibrary? kernels = null, DeviceMemory? workspace = null)
    {
        ArgumentNullException.ThrowIfNull(context);
        plan = new StepPlan(options, shape, context.Device);
        if (workspace is not null && (workspace.Bytes < plan.Bytes || workspace.Address % StepPlan.Alignment != 0))
        {
            throw new ArgumentException(
                $"workspace must have at least {plan.Bytes} bytes at a multiple of {StepPlan.Alignment}; given {workspace.Bytes} bytes at " +
                $"0x{workspace.Address:x}.", nameof(workspace));
        }

        (ownsKernels, ownsWorkspace) = (kernels is null, workspace is null);
        this.kernels = kernels ?? LoadKernels(context);
        try
        {
            this.kernels.Load(plan.Variants);
            mixPositive = new MixPositive(this.kernels, plan.Positives);
            mixQueue = plan.Pass.Mixed is { } type ? new MixQueue(this.kernels, shape.Queue, type) : null;
            infonce = new InfoNce(this.kernels, plan.Pass);
            finish = new InfoNceFinish(this.kernels, plan.Positives, shape, plan.Pass);
            enqueue = new Enqueue(this.kernels, shape.Queue);
            this.workspace = workspace ?? new DeviceMemory(context, plan.Bytes);
        }
        catch when (ownsKernels)
        {
            this.kernels.Dispose();
            throw;
        }

        stepWord = Word(0);
        transformWord = Word(1);
        positionWord = Word(2);
        using var stream = new CudaStream(context);
        Upload(plan.PositiveTable, plan.Positive);
        Upload(plan.NegativeTable, plan.Negative);
        SetState(0, true, 0, stream);
        stream.Synchronize();

        DeviceMemory Word(int index) => this.workspace.Slice(plan.State + (index * sizeof(uint)), sizeof(uint));

        void Upload(long offset, BetaQuantile? quantile)
        {
            if (quantile is not null)
            {
                using DeviceMemory table = this.workspace.Slice(offset, quantile.Table.Length * sizeof(float));
                table.CopyFrom(quantile.Table, stream);
            }
        }
    }

    /// <summary>Temperature and transformations.</summary>
    public FeatureTransformOptions Options => plan.Options;

    /// <summary>Sizes and element types.</summary>
    public CudaStepShape Shape => plan.Shape;

    /// <summary>Bytes of workspace that such steps need on a device.</summary>
    /// <exception cref="ArgumentException">A size or an option is outside its range.</exception>
    public static long GetWorkspaceBytes(FeatureTransformOptions options, CudaStepShape shape, CudaDevice device) =>
        new StepPlan(options, shape, device).Bytes;

    /// <summary>
    /// The kernels of this assembly for a context, to be shared by several steps. What is missing is compiled when it is first needed
    /// and kept in the user's cache.
    /// </summary>
    /// <param name="context">Where they are loaded.</param>
    /// <param name="report">Is told what a person may want to know: no NVRTC, no cache, warnings of the compiler.</param>
    /// <exception cref="CudaException">NVRTC fails, or nothing here can run on this device.</exception>
    public static KernelLibrary LoadKernels(CudaContext context, Action<string>? report = null) =>
        KernelLibrary.Open(context, KernelSet.LoadSources(), report: report);

    /// <summary>Sets what <see cref="Enqueue"/> advances, in the order of the stream. Does not wait; can be captured.</summary>
    /// <param name="step">Step number: with the seed it determines every lambda and the permutation.</param>
    /// <param name="transform">False: plain InfoNCE (before the begin epoch).</param>
    /// <param name="position">Row of the queue that the next key replaces.</param>
    /// <param name="stream">Where steps run.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="position"/> is outside 0..K-1.</exception>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public void SetState(uint step, bool transform, int position, CudaStream stream)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)position, (uint)Shape.K, nameof(position));
        stepWord.FillWords(step, stream);
        transformWord.FillWords(transform ? 1u : 0, stream);
        positionWord.FillWords((uint)position, stream);
    }

    /// <summary>
    /// Computes loss, gradient, unit keys and statistics of a batch, in the order of the stream. Does not wait; can be captured. Keys and
    /// queue are detached; the queue is only read. A NaN in a row gives NaN in its outputs and in the mean loss.
    /// </summary>
    /// <param name="buffers">Where inputs lie and outputs go.</param>
    /// <param name="n">N, 1 to MaxN.</param>
    /// <param name="stream">A stream of the context.</param>
    /// <exception cref="ArgumentException">A size, an address or a stride does not fit; nothing was launched.</exception>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public void Run(in CudaStepBuffers buffers, int n, CudaStream stream)
    {
        CheckRows(n, stream);
        buffers.Validate(Shape, plan.Pass);
        ulong start = workspace.Address;
        using CudaContextScope scope = stream.Context.MakeCurrent();
        mixPositive.Launch(stream, plan.MixPositiveArgs(start, buffers, n));
        mixQueue?.Launch(stream, plan.MixQueueArgs(start, buffers));
        infonce.Launch(stream, plan.InfoNceArgs(start, buffers, n));
        finish.Launch(stream, plan.FinishArgs(start, buffers, n));
    }

    /// <summary>
    /// Replaces the oldest rows of the queue by the keys of the step, and advances step number and ring position, in the order of the
    /// stream. Where the mean loss is not finite the queue and its position stay as they are. Does not wait; can be captured.
    /// </summary>
    /// <param name="buffers">Those of the step.</param>
    /// <param name="n">N, at most K.</param>
    /// <param name="stream">The stream of the step.</param>
    /// <exception cref="ArgumentException">A size or an address does not fit; nothing was launched.</exception>
    /// <exception cref="CudaException">The driver refuses.</exception>
    public void Enqueue(in CudaStepBuffers buffers, int n, CudaStream stream)
    {
        CheckRows(n, stream);
        if (n > Shape.K)
        {
            throw new ArgumentOutOfRangeException(nameof(n), n, $"A queue of {Shape.K} rows cannot take {n} keys at once.");
        }

        buffers.Validate(Shape, plan.Pass);
        using CudaContextScope scope = stream.Context.MakeCurrent();
        enqueue.Launch(stream, plan.EnqueueArgs(workspace.Address, buffers, n));
        enqueue.Advance(stream, plan.AdvanceArgs(workspace.Address, buffers, n));
    }

    /// <summary>Frees what it owns; the caller sees to it that no step is under way.</summary>
    public void Dispose()
    {
        if (ownsWorkspace)
        {
            workspace.Dispose();
        }

        if (ownsKernels)
        {
            kernels.Dispose();
        }
    }

    private void CheckRows(int n, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (n < 1 || n > Shape.MaxN)
        {
            throw new ArgumentOutOfRangeException(nameof(n), n, $"n must lie in 1..{Shape.MaxN}.");
        }
    }
}
