"""One contrastive step with feature transformation in PyTorch: the baseline of the step on a CUDA device.

Usage: torch_contrastive.py K C N... Operator by operator, with autograd, on the same shapes: normalise, extrapolate the positives,
permute and interpolate the queue with one lambda for the batch, logits, cross-entropy, backward to q_raw, enqueue. Without the
statistics, which ours computes too. Prints "N variant microseconds" a line, medians of device times; NaN where a variant fails.
"""
import statistics
import sys
import torch
import torch.nn.functional as F

K, C = int(sys.argv[1]), int(sys.argv[2])
TAU, ALPHA_POSITIVE, ALPHA_NEGATIVE = 0.2, 2.0, 1.6
device = torch.device("cuda")
beta_positive = torch.distributions.Beta(torch.tensor(ALPHA_POSITIVE, device=device), torch.tensor(ALPHA_POSITIVE, device=device))
beta_negative = torch.distributions.Beta(torch.tensor(ALPHA_NEGATIVE, device=device), torch.tensor(ALPHA_NEGATIVE, device=device))


def loss_of(q_raw, k_raw, queue, order, target, low):
    q, k = F.normalize(q_raw), F.normalize(k_raw)
    extrapolation, weight = 1 + beta_positive.sample(), beta_negative.sample().to(queue.dtype)
    q_hat, k_hat = extrapolation * q + (1 - extrapolation) * k, extrapolation * k + (1 - extrapolation) * q
    negatives = torch.lerp(queue[order], queue, weight)
    scores = (q_hat.to(low) @ negatives.T.to(low)).float()
    logits = torch.cat([(q_hat * k_hat).sum(1, keepdim=True), scores], 1) / TAU
    return F.cross_entropy(logits, target), k


def times(step):
    for _ in range(5):
        step()
    found = []
    for _ in range(20):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        torch.cuda._sleep(20_000_000)  # so that launches are ahead of the device, as they are in a training step
        begin.record()
        step()
        end.record()
        end.synchronize()
        found.append(1e3 * begin.elapsed_time(end))
    return statistics.median(found)


def measure(n, low, forward):
    q_raw = torch.randn(n, C, device=device, requires_grad=True)
    k_raw = torch.randn(n, C, device=device)
    queue = F.normalize(torch.randn(K, C, device=device)).to(low)
    target = torch.zeros(n, dtype=torch.long, device=device)

    def step():
        q_raw.grad = None
        loss, k = forward(q_raw, k_raw, queue, torch.randperm(K, device=device), target, low)
        loss.backward()
        queue[:n] = k.detach().to(low)

    return times(step)


for n in map(int, sys.argv[3:]):
    variants = [("fp32", torch.float32, False, loss_of), ("tf32", torch.float32, True, loss_of), ("bf16", torch.bfloat16, True, loss_of)]
    if n == int(sys.argv[3]):
        variants.append(("bf16-compiled", torch.bfloat16, True, torch.compile(loss_of)))
    for name, low, tf32, forward in variants:
        torch.backends.cuda.matmul.allow_tf32 = tf32
        try:
            print(n, name, measure(n, low, forward), flush=True)
        except Exception as error:  # a compiler that is not installed, say
            print(n, name, "nan", flush=True)
            print(type(error).__name__, str(error)[:200], file=sys.stderr)
