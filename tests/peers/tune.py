"""The same fine-tuning in PyTorch: LeNet-300-100 under masks.

usage: tune.py MODEL.onnx MASKS.npz SEED EPOCHS

SGD with Nesterov, weight decay 5e-4, one-cycle to 0.05, batch 128, flips, as
`espalier tune` has them by default. Prints the accuracy on the test images.
Needs Debian's python3-torch, python3-onnx, dataset-fashion-mnist.
"""
import gzip
import sys

import numpy
import onnx
import onnx.numpy_helper
import torch

FOLDER = "/usr/share/datasets/fashion-mnist"


def read(name):
    data = gzip.open(f"{FOLDER}/{name}.gz").read()
    skip = 4 + 4 * data[3]
    return torch.frombuffer(bytearray(data[skip:]), dtype=torch.uint8)


def images(name):
    return ((read(name).view(-1, 28, 28) / 255) - 0.2860) / 0.3530


def main(model, masks, seed, epochs):
    torch.manual_seed(seed)
    torch.set_num_threads(2)
    stored = {
        t.name: torch.from_numpy(onnx.numpy_helper.to_array(t).copy())
        for t in onnx.load(model).graph.initializer
    }
    layers = []
    for name in "fc1", "fc2", "fc3":
        layer = torch.nn.Linear(*stored[name + ".weight"].shape[::-1])
        layer.weight.data = stored[name + ".weight"]
        layer.bias.data = stored[name + ".bias"]
        layers += [layer, torch.nn.ReLU()]
    net = torch.nn.Sequential(*layers[:-1])
    kept = {
        name: torch.from_numpy(mask.copy())
        for name, mask in numpy.load(masks).items()
    }

    def apply():
        for i, name in enumerate(("fc1", "fc2", "fc3")):
            net[2 * i].weight.data.mul_(kept[name + ".weight"])

    apply()
    x, y = images("train-images-idx3-ubyte"), read("train-labels-idx1-ubyte")
    y = y.long()
    batch, steps = 128, epochs * (len(x) // 128)
    opt = torch.optim.SGD(net.parameters(), .05, momentum=.9, nesterov=True,
                          weight_decay=5e-4)
    rate = torch.optim.lr_scheduler.OneCycleLR(opt, .05, total_steps=steps,
                                               cycle_momentum=False)
    for _ in range(epochs):
        order = torch.randperm(len(x))
        for i in range(len(x) // batch):
            j = order[i * batch:(i + 1) * batch]
            image = x[j].clone()
            flip = torch.rand(batch) < .5
            image[flip] = image[flip].flip(2)
            loss = torch.nn.functional.cross_entropy(
                net(image.view(batch, -1)), y[j])
            opt.zero_grad()
            loss.backward()
            opt.step()
            apply()
            rate.step()
    with torch.no_grad():
        answer = net(images("t10k-images-idx3-ubyte").view(-1, 784)).argmax(1)
        right = (answer == read("t10k-labels-idx1-ubyte").long()).sum()
    print(f"{100 * right.item() / len(answer):.2f}")


main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
