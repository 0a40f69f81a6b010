"""Writes the networks of the performance table that are not bundled.

usage: models.py FOLDER          (weights are random, the batch is dynamic)
"""
import os
import sys
import warnings

import torch
import torchvision
from torch import nn

OPSET = 13


def vgg():
    """VGG's pattern for 28 x 28: three pairs of 3x3 convolutions."""
    layers, channels = [], 1
    for width in (32, 64, 128):
        for _ in range(2):
            layers += [nn.Conv2d(channels, width, 3, padding=1),
                       nn.BatchNorm2d(width), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * 9, 256),
                         nn.ReLU(), nn.Linear(256, 10))


def vit():
    """d 64, 4 blocks, 4 heads, 4 x 4 patches: 50 tokens."""
    network = torchvision.models.VisionTransformer(
        image_size=28, patch_size=4, num_layers=4, num_heads=4,
        hidden_dim=64, mlp_dim=256, num_classes=10)
    network.conv_proj = nn.Conv2d(1, 64, 4, 4)
    return network


NETWORKS = {
    'vgg': (vgg, (1, 28, 28)),
    'vit': (vit, (1, 28, 28)),
    'mobilenetv2': (torchvision.models.mobilenet_v2, (3, 224, 224)),
    'resnet18': (torchvision.models.resnet18, (3, 224, 224)),
    'resnet50': (torchvision.models.resnet50, (3, 224, 224)),
}


def main(folder):
    os.makedirs(folder, exist_ok=True)
    for name, (make, shape) in NETWORKS.items():
        path = os.path.join(folder, name + '.onnx')
        if os.path.exists(path):
            continue
        torch.manual_seed(1)
        network = make().eval()
        warnings.simplefilter('ignore')
        torch.onnx.export(network, torch.zeros(2, *shape), path + '.part',
                          input_names=['input'], output_names=['logits'],
                          dynamic_axes={'input': {0: 'n'}, 'logits': {0: 'n'}},
                          opset_version=OPSET)
        os.rename(path + '.part', path)


if __name__ == '__main__':
    main(sys.argv[1])
