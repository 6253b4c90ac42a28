"""Pairs of views a second with torchvision on Pillow, one thread: the baseline of the data path.

Usage: torchvision_pairs.py FOLDER SIZE decode|keep. The MoCo v2 recipe, blur only above 32 px; decode: each pair begins with the
file's bytes, keep: with the decoded image. Prints the best rate of several rounds.
"""
import io
import os
import random
import sys
import time
import torch
from PIL import Image, ImageFilter
from torchvision import transforms as T

torch.set_num_threads(1)
folder, size, decode = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "decode"
files = [open(os.path.join(folder, name), "rb").read() for name in sorted(os.listdir(folder))]


def load(data):
    return Image.open(io.BytesIO(data)).convert("RGB")


view = T.Compose([
    T.RandomResizedCrop(size, scale=(0.2, 1)),
    T.RandomApply([T.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
    T.RandomGrayscale(0.2),
    T.RandomApply([lambda image: image.filter(ImageFilter.GaussianBlur(random.uniform(0.1, 2)))], p=0.5 if size > 32 else 0),
    T.RandomHorizontalFlip(),
    T.ToTensor(),
    T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
])
images, best = [load(data) for data in files], 0
end = time.perf_counter() + 5
while time.perf_counter() < end:
    begin = time.perf_counter()
    for data, image in zip(files, images):
        image = load(data) if decode else image
        view(image), view(image)
    best = max(best, len(files) / (time.perf_counter() - begin))
print(best)
