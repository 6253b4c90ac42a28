"""Makes augmented views with torchvision's functional operations in fp64: the independent judge of ours.

Usage: augmentation.py FOLDER. FOLDER/in.json is a list of views: a file of 8-bit RGB pixels and what is done to them. Writes the
views one after another, each S x S x 3 in fp64, to FOLDER/out.bin.
"""
import json
import sys
import numpy as np
import torch
import torchvision.transforms.functional as F

folder = sys.argv[1]
jitter = [F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue]
with open(folder + "/out.bin", "wb") as out:
    for view in json.load(open(folder + "/in.json")):
        pixels = np.fromfile(folder + "/" + view["file"], dtype=np.uint8).reshape(view["height"], view["width"], 3)
        image = torch.from_numpy(pixels.astype(np.float64) / 255).permute(2, 0, 1)
        image = F.resized_crop(image, *view["crop"], [view["size"], view["size"]], antialias=True)
        if view["gray_first"]:
            image = F.rgb_to_grayscale(image, 3)
        for operation in view["order"]:
            image = jitter[operation](image, view["strengths"][operation])
        if view["gray_last"]:
            image = F.rgb_to_grayscale(image, 3)
        if view["blur_sigma"] > 0:
            image = F.gaussian_blur(image, view["blur_kernel"], view["blur_sigma"])
        if view["threshold"] <= 1:
            image = F.solarize(image, view["threshold"])
        if view["flip"]:
            image = F.hflip(image)
        image = F.normalize(image, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        out.write(image.permute(1, 2, 0).contiguous().numpy().tobytes())
