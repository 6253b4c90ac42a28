"""Repeats the dumped steps of a pretraining run in PyTorch and torchvision: the independent judge of the whole step.

Usage: moco_steps.py DUMP.safetensors. Names are those of docs/dump.md. Everything but the given random numbers is computed
here: moving average, both encoders, mixing, InfoNCE by autograd, SGD, the queue; each step begins with the state that the
dump has after the step before. Prints a JSON object: for each quantity the largest error against fp64, relative in norm, of
the dump and of PyTorch itself in fp32.
"""
import json
import struct
import sys
import numpy as np
import torch
import torch.nn.functional as F
import torchvision

raw = open(sys.argv[1], "rb").read()
length = struct.unpack("<Q", raw[:8])[0]
header = json.loads(raw[8:8 + length])
options = json.loads(header.pop("__metadata__")["options"])
kinds = {"F32": np.float32, "I32": np.int32, "F64": np.float64}


def tensor(name, dtype=torch.float64):
    entry = header[name]
    begin, end = (8 + length + offset for offset in entry["data_offsets"])
    value = np.frombuffer(raw[begin:end], dtype=kinds[entry["dtype"]]).reshape(entry["shape"]).copy()
    return torch.from_numpy(value).to(torch.long if entry["dtype"] == "I32" else dtype)


def build(prefix, dtype):
    net = getattr(torchvision.models, options["model"]["architecture"])()
    names = {n[len(prefix):] for n in header if n.startswith(prefix)}
    for name, module in list(net.named_modules()):
        if isinstance(module, (torch.nn.Conv2d, torch.nn.BatchNorm2d)):
            shape = header[prefix + name + ".weight"]["shape"]
            module.weight = torch.nn.Parameter(torch.empty(shape))
            if isinstance(module, torch.nn.BatchNorm2d):
                module.bias = torch.nn.Parameter(torch.empty(shape))
                module.running_mean, module.running_var = torch.empty(shape), torch.empty(shape)
    if options["model"]["stem"] == "cifar":
        net.conv1.stride, net.conv1.padding, net.maxpool = (1, 1), (1, 1), torch.nn.Identity()
    if "fc.0.weight" in names:
        wide, out = header[prefix + "fc.0.weight"]["shape"][1], header[prefix + "fc.2.weight"]["shape"][0]
        net.fc = torch.nn.Sequential(torch.nn.Linear(wide, wide), torch.nn.ReLU(), torch.nn.Linear(wide, out))
    else:
        net.fc = torch.nn.Linear(*reversed(header[prefix + "fc.weight"]["shape"]))
    net.to(dtype).train()
    missing, unexpected = net.load_state_dict({n: tensor(prefix + n, dtype) for n in names}, strict=False)
    assert not unexpected and all(n.endswith("num_batches_tracked") for n in missing), (missing, unexpected)
    return net


def embed(net, images, groups):
    """Batch norm over each of the virtual devices; running statistics follow the first."""
    parts = images.chunk(groups)
    out = [net(parts[0])]
    state = {n: b.clone() for n, b in net.named_buffers()}
    out += [net(p) for p in parts[1:]]
    for n, b in net.named_buffers():
        b.data.copy_(state[n])
    return torch.cat(out)


def repeat(dtype):
    """Yields (quantity, name in the dump, value) over all steps."""
    method, transform, optimizer = options["method"], options["transform"], options["optimizer"]
    query, key = build("initial.query.", dtype), build("initial.key.", dtype)
    queue, position = tensor("initial.queue", dtype), int(tensor("initial.queue_position"))
    sgd = torch.optim.SGD(query.parameters(), lr=1, momentum=optimizer["momentum"], weight_decay=optimizer["weightDecay"])
    tau, m, groups = method["tau"], method["encoderMomentum"], method["batchNormGroups"]
    steps = 1 + max(int(n.split(".")[1]) for n in header if n.startswith("step."))
    for i in range(steps):
        p = "step.%d." % i
        if i > 0:
            # From the dump's own state, so that a flip of one step does not add to the error of the next.
            for prefix, net in (("query.", query), ("key.", key)):
                last = "step.%d.%s" % (i - 1, prefix)
                net.load_state_dict({n[len(last):]: tensor(n, dtype) for n in header if n.startswith(last)}, strict=False)
            queue = tensor("step.%d.queue" % (i - 1), dtype)
        with torch.no_grad():
            for a, b in zip(key.parameters(), query.parameters()):
                a.mul_(m).add_(b, alpha=1 - m)
        q = F.normalize(embed(query, tensor(p + "view1", dtype), groups), dim=1)
        with torch.no_grad():
            view2 = tensor(p + "view2", dtype)
            if p + "shuffle" in header:
                order = tensor(p + "shuffle")
                k = torch.empty(len(order), q.shape[1], dtype=dtype)
                k[order] = embed(key, view2[order], groups)
            else:
                k = embed(key, view2, groups)
            k = F.normalize(k, dim=1)
        q2, k2, negatives = q, k, queue
        if p + "lambda_positive" in header:
            w = tensor(p + "lambda_positive", dtype)
            q2, k2 = w * q + (1 - w) * k, w * k + (1 - w) * q
            if transform["positiveNormalize"]:
                q2, k2 = F.normalize(q2, dim=1), F.normalize(k2, dim=1)
        if p + "lambda_negative" in header:
            w = tensor(p + "lambda_negative", dtype)
            mixed = w * queue + (1 - w) * queue[tensor(p + "permutation")]
            if transform["negativeNormalize"]:
                mixed = F.normalize(mixed, dim=1)
            negatives = torch.cat([mixed, queue]) if transform["negative"] == "extend" else mixed
        positive = (q2 * k2).sum(1, keepdim=True)
        scores = q2 @ negatives.t()
        loss = F.cross_entropy(torch.cat([positive, scores], 1) / tau, torch.zeros(len(q), dtype=torch.long))
        sgd.zero_grad()
        loss.backward()
        yield "loss.%d" % i, p + "loss", loss.detach().clone()
        yield "statistics.%d" % i, p + "statistics.positive_score", positive.detach().squeeze(1)
        yield "statistics.%d" % i, p + "statistics.negative_mean", scores.detach().mean(1)
        yield "statistics.%d" % i, p + "statistics.negative_variance", scores.detach().var(1)
        for n, value in query.named_parameters():
            yield "gradient.%d" % i, p + "gradient." + n, value.grad.clone()
        sgd.param_groups[0]["lr"] = float(tensor(p + "learning_rate"))
        sgd.step()
        queue[(position + torch.arange(len(k))) % len(queue)] = k
        position = (position + len(k)) % len(queue)
        assert int(tensor(p + "queue_position")) == position
        yield "queue.%d" % i, p + "queue", queue.clone()
        for kind, net in (("query", query), ("key", key)):
            for n, value in net.state_dict().items():
                if not n.endswith("num_batches_tracked"):
                    # A shift starts from zero, so that in the first steps it is all gradient.
                    yield "%s.%d" % ("shift" if n.endswith("bias") else kind, i), p + kind + "." + n, value.detach().clone()


def error(value, truth):
    distance, norm = float((value.double() - truth).norm()), float(truth.norm())
    result = distance / norm if norm > 0 else (0.0 if distance == 0 else float("inf"))
    return result if result == result else float("inf")


plain = {name: value for _, name, value in repeat(torch.float32)}
worst = {}
for what, name, truth in repeat(torch.float64):
    pair = worst.setdefault(what, [0.0, 0.0])
    pair[0] = max(pair[0], error(tensor(name).reshape(truth.shape), truth))
    pair[1] = max(pair[1], error(plain[name], truth))
print(json.dumps(worst))
