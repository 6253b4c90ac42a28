"""Loads an exported encoder into torchvision with a safetensors parser of its own.

Usage: load_export.py FILE ARCHITECTURE STEM HEAD SIZE. Names must be those of torchvision's ResNet with MoCo's head, but for
num_batches_tracked. At full width the shapes must too, the weights are loaded, and the embeddings of images that both sides
know (see below) written to FILE.out; torchvision has no narrower ResNets.
"""
import json
import struct
import sys
import numpy as np
import torch
import torchvision

path, architecture, stem, head, size = sys.argv[1:5] + [int(sys.argv[5])]
with open(path, "rb") as file:
    length, = struct.unpack("<Q", file.read(8))
    header = json.loads(file.read(length))
    data = file.read()
metadata = header.pop("__metadata__")
assert metadata["method"] == "moco-v2" and metadata["epoch"] == "12", metadata
assert json.loads(metadata["options"])["model"]["architecture"] == architecture
tensors = {}
for name, entry in header.items():
    begin, end = entry["data_offsets"]
    assert entry["dtype"] == "F32"
    tensors[name] = torch.from_numpy(np.frombuffer(data[begin:end], dtype="<f4").reshape(entry["shape"]).copy())

net = getattr(torchvision.models, architecture)()
features = net.fc.in_features
width = tensors["conv1.weight"].shape[0]
if stem == "cifar":
    net.conv1 = torch.nn.Conv2d(3, width, 3, 1, 1, bias=False)
    net.maxpool = torch.nn.Identity()
if head == "mlp":
    out = tensors["fc.2.weight"].shape[0]
    net.fc = torch.nn.Sequential(torch.nn.Linear(features, features), torch.nn.ReLU(), torch.nn.Linear(features, out))
else:
    net.fc = torch.nn.Linear(features, tensors["fc.weight"].shape[0])
expected = {n: tuple(t.shape) for n, t in net.state_dict().items() if not n.endswith("num_batches_tracked")}
assert set(expected) == set(tensors), set(expected) ^ set(tensors)
if width == 64:
    assert expected == {n: tuple(t.shape) for n, t in tensors.items()}
    net.load_state_dict(tensors, strict=True)
    net.eval()
    images = torch.sin(torch.arange(2 * size * size * 3, dtype=torch.float64)).float().reshape(2, size, size, 3).permute(0, 3, 1, 2)
    with torch.no_grad():
        net(images).numpy().astype("<f4").tofile(path + ".out")
