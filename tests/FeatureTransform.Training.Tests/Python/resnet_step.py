"""Repeats training steps of an encoder in PyTorch and torchvision: the independent judge of our layers.

Usage: resnet_step.py FOLDER. FOLDER/in.json names arrays (shape, offset in floats) within FOLDER/in.bin: every parameter
under torchvision's name, "images" (N x 3 x S x S), "gradient" (N x C). Writes the embedding of each step, each gradient of
the first step and each parameter and buffer after the last, in fp64, to out.bin, with names in out.json; beside each name
stands the relative error in norm that PyTorch itself makes in fp32.
"""
import json
import sys
import numpy as np
import torch
import torchvision

folder = sys.argv[1]
task = json.load(open(folder + "/in.json"))
flat = np.fromfile(folder + "/in.bin", dtype=np.float32)
arrays = {n: torch.from_numpy(flat[a["offset"]:a["offset"] + int(np.prod(a["shape"]))].reshape(a["shape"]).copy())
          for n, a in task["arrays"].items()}
images, gradient = arrays.pop("images"), arrays.pop("gradient")

width = arrays["conv1.weight"].shape[0]
net = getattr(torchvision.models, task["architecture"])()
if width != 64:  # torchvision has no narrower ResNets: replace each layer by one of the shape that was given
    def narrow(module, prefix):
        for name, child in list(module.named_children()):
            full = prefix + name
            if isinstance(child, torch.nn.Conv2d):
                k, c = arrays[full + ".weight"].shape[:2]
                setattr(module, name, torch.nn.Conv2d(c, k, child.kernel_size, child.stride, child.padding, bias=False))
            elif isinstance(child, torch.nn.BatchNorm2d):
                setattr(module, name, torch.nn.BatchNorm2d(arrays[full + ".weight"].shape[0]))
            else:
                narrow(child, full + ".")
    narrow(net, "")
if task["stem"] == "cifar":
    net.conv1 = torch.nn.Conv2d(3, width, 3, 1, 1, bias=False)
    net.maxpool = torch.nn.Identity()
if "fc.0.weight" in arrays:
    hidden, out = arrays["fc.0.weight"].shape[1], arrays["fc.2.weight"].shape[0]
    net.fc = torch.nn.Sequential(torch.nn.Linear(hidden, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, out))
else:
    net.fc = torch.nn.Linear(*reversed(arrays["fc.weight"].shape))
state = dict(arrays)
for name in net.state_dict():
    if name.endswith("num_batches_tracked"):
        state[name] = torch.tensor(0)


def train(dtype):
    net.load_state_dict(state)
    net.to(dtype).train()
    optimizer = torch.optim.SGD(net.parameters(), lr=task["lr"], momentum=task["momentum"], weight_decay=task["decay"])
    out = {}
    for step in range(task["steps"]):
        optimizer.zero_grad()
        embedding = net(images.to(dtype))
        embedding.backward(gradient.to(dtype))
        out["embedding.%d" % step] = embedding.detach().double()
        if step == 0:
            out.update({"grad." + n: p.grad.double().clone() for n, p in net.named_parameters()})
        optimizer.step()
    out.update({n: p.detach().double().clone() for n, p in net.state_dict().items() if not n.endswith("num_batches_tracked")})
    return out


plain, out = train(torch.float32), train(torch.float64)
errors = {n: float((plain[n] - v).norm() / v.norm()) for n, v in out.items()}
index, offset, parts = {}, 0, []
for name, value in out.items():
    value = value.numpy().astype(np.float32).ravel()
    index[name] = {"offset": offset, "count": int(value.size), "error": errors[name]}
    offset += value.size
    parts.append(value)
np.concatenate(parts).tofile(folder + "/out.bin")
json.dump(index, open(folder + "/out.json", "w"))
