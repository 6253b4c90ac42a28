"""Repeats the dumped steps of a pretraining run in PyTorch and torchvision, in fp64: the independent judge of the whole step.

Usage: moco_steps.py DUMP.safetensors. Names are those of docs/dump.md. Everything but the given random numbers is computed
here: moving average, both encoders, mixing, InfoNCE by autograd, SGD, the queue. Prints a JSON object: for each quantity the
largest relative difference (in norm; of the loss absolute).
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


def tensor(name):
    entry = header[name]
    begin, end = (8 + length + offset for offset in entry["data_offsets"])
    value = np.frombuffer(raw[begin:end], dtype=kinds[entry["dtype"]]).reshape(entry["shape"]).copy()
    return torch.from_numpy(value).double() if entry["dtype"] != "I32" else torch.from_numpy(value).long()


def build(prefix):
    net = getattr(torchvision.models, options["model"]["architecture"])()
    names = {n[len(prefix):] for n in header if n.startswith(prefix)}
    for name, module in list(net.named_modules()):
        if isinstance(module, (torch.nn.Conv2d, torch.nn.BatchNorm2d)):
            shape = header[prefix + name + ".weight"]["shape"]
            if isinstance(module, torch.nn.Conv2d):
                module.weight = torch.nn.Parameter(torch.empty(shape))
            else:
                module.weight = torch.nn.Parameter(torch.empty(shape))
                module.bias = torch.nn.Parameter(torch.empty(shape))
                module.running_mean, module.running_var = torch.empty(shape), torch.empty(shape)
                module.num_features = shape[0]
    if options["model"]["stem"] == "cifar":
        net.conv1.stride, net.conv1.padding, net.maxpool = (1, 1), (1, 1), torch.nn.Identity()
    if "fc.0.weight" in names:
        wide, out = header[prefix + "fc.0.weight"]["shape"][1], header[prefix + "fc.2.weight"]["shape"][0]
        net.fc = torch.nn.Sequential(torch.nn.Linear(wide, wide), torch.nn.ReLU(), torch.nn.Linear(wide, out))
    else:
        net.fc = torch.nn.Linear(*reversed(header[prefix + "fc.weight"]["shape"]))
    net.double().train()
    state = {n: tensor(prefix + n) for n in names}
    missing, unexpected = net.load_state_dict(state, strict=False)
    assert not unexpected and all(n.endswith("num_batches_tracked") for n in missing), (missing, unexpected)
    return net


method, transform, optimizer = options["method"], options["transform"], options["optimizer"]
query, key = build("initial.query."), build("initial.key.")
queue, position = tensor("initial.queue"), int(tensor("initial.queue_position"))
sgd = torch.optim.SGD(query.parameters(), lr=1, momentum=optimizer["momentum"], weight_decay=optimizer["weightDecay"])
tau, m, groups = method["tau"], method["encoderMomentum"], method["batchNormGroups"]
worst = {}


def note(what, ours, theirs):
    difference = float((ours - theirs).norm() / theirs.norm())
    worst[what] = max(worst.get(what, 0.0), difference) if difference == difference else float("inf")


def embed(net, images):
    """Batch norm over each of the virtual devices; running statistics follow the first."""
    parts = images.chunk(groups)
    out = [net(parts[0])]
    state = {n: b.clone() for n, b in net.named_buffers()}
    out += [net(p) for p in parts[1:]]
    for n, b in net.named_buffers():
        b.data.copy_(state[n])
    return torch.cat(out)


steps = 1 + max(int(n.split(".")[1]) for n in header if n.startswith("step."))
for i in range(steps):
    p = "step.%d." % i
    with torch.no_grad():
        for a, b in zip(key.parameters(), query.parameters()):
            a.mul_(m).add_(b, alpha=1 - m)
    q = F.normalize(embed(query, tensor(p + "view1")), dim=1)
    with torch.no_grad():
        view2 = tensor(p + "view2")
        if p + "shuffle" in header:
            order = tensor(p + "shuffle")
            k = torch.empty(len(order), q.shape[1], dtype=torch.float64)
            k[order] = embed(key, view2[order])
        else:
            k = embed(key, view2)
        k = F.normalize(k, dim=1)
    q2, k2, negatives = q, k, queue
    if p + "lambda_positive" in header:
        w = tensor(p + "lambda_positive")
        q2, k2 = w * q + (1 - w) * k, w * k + (1 - w) * q
        if transform["positiveNormalize"]:
            q2, k2 = F.normalize(q2, dim=1), F.normalize(k2, dim=1)
    if p + "lambda_negative" in header:
        w = tensor(p + "lambda_negative")
        mixed = w * queue + (1 - w) * queue[tensor(p + "permutation")]
        if transform["negativeNormalize"]:
            mixed = F.normalize(mixed, dim=1)
        negatives = torch.cat([mixed, queue]) if transform["negative"] == "extend" else mixed
    positive = (q2 * k2).sum(1, keepdim=True)
    scores = q2 @ negatives.t()
    loss = F.cross_entropy(torch.cat([positive, scores], 1) / tau, torch.zeros(len(q), dtype=torch.long))
    sgd.zero_grad()
    loss.backward()
    note("loss.%d" % i, tensor(p + "loss").reshape(()), loss.detach())
    note("statistics", tensor(p + "statistics.positive_score"), positive.detach().squeeze(1))
    note("statistics", tensor(p + "statistics.negative_mean"), scores.detach().mean(1))
    note("statistics", tensor(p + "statistics.negative_variance"), scores.detach().var(1))
    for n, value in query.named_parameters():
        note("gradient.%d" % i, tensor(p + "gradient." + n), value.grad)
    sgd.param_groups[0]["lr"] = float(tensor(p + "learning_rate"))
    sgd.step()
    n = len(k)
    queue[(position + torch.arange(n)) % len(queue)] = k
    position = (position + n) % len(queue)
    note("queue", tensor(p + "queue"), queue)
    assert int(tensor(p + "queue_position")) == position
    for name, net in (("query", query), ("key", key)):
        for n, value in net.state_dict().items():
            if not n.endswith("num_batches_tracked"):
                note("%s.%d" % (name, i), tensor(p + name + "." + n), value)
print(json.dumps(worst))
