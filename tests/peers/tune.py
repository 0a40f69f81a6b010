"""The same fine-tuning in PyTorch: an example network under masks.

usage: tune.py NAME MODEL.onnx MASKS.npz SEED EPOCHS

SGD with Nesterov, weight decay 5e-4, one-cycle to 0.05, batch 128, flips, as
`espalier tune` has them by default. Prints the accuracy on the test images.
Needs Debian's python3-torch, python3-onnx, dataset-fashion-mnist.
"""
import gzip
import os
import sys

import numpy
import onnx
import onnx.numpy_helper
import torch

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "data"))
name, model, masks, seed, epochs = sys.argv[1:6]
sys.argv[1:] = []  # the script trains what its arguments name
import make_models as models

FOLDER = "/usr/share/datasets/fashion-mnist"
NETS = {"mlp": models.MLP, "lenet5": models.LeNet5,
        "resnet20-bn": models.ResNet20}


def read(file):
    data = gzip.open(f"{FOLDER}/{file}.gz").read()
    skip = 4 + 4 * data[3]
    return torch.frombuffer(bytearray(data[skip:]), dtype=torch.uint8)


def images(file):
    return ((read(file).view(-1, 1, 28, 28) / 255) - 0.2860) / 0.3530


def load(net, graph):
    """Every parameter from the model; exporters store equal ones once."""
    stored = {t.name: torch.from_numpy(onnx.numpy_helper.to_array(t).copy())
              for t in graph.initializer}
    for node in graph.node:
        if node.op_type == "Identity" and node.input[0] in stored:
            stored[node.output[0]] = stored[node.input[0]].clone()
    leaves = "weight", "bias", "running_mean", "running_var"
    for node in graph.node:
        if node.op_type == "BatchNormalization":
            norm = node.input[3].rpartition(".")[0]
            for leaf, value in zip(leaves, node.input[1:]):
                stored.setdefault(f"{norm}.{leaf}", stored[value].clone())
    missing, _ = net.load_state_dict(stored, strict=False)
    wanted = [m for m in missing if not m.endswith("num_batches_tracked")]
    if wanted:
        sys.exit(f"{model} has no {wanted}")


def main():
    torch.manual_seed(int(seed))
    net = NETS[name]()
    load(net, onnx.load(model).graph)
    net.train()
    kept = {key: torch.from_numpy(mask.copy())
            for key, mask in numpy.load(masks).items()}
    weights = dict(net.named_parameters())
    assert kept and all(key in weights for key in kept)

    def apply():
        for key, mask in kept.items():
            weights[key].data.mul_(mask)

    apply()
    x, y = images("train-images-idx3-ubyte"), read("train-labels-idx1-ubyte")
    y = y.long()
    batch, steps = 128, int(epochs) * (len(x) // 128)
    opt = torch.optim.SGD(net.parameters(), .05, momentum=.9, nesterov=True,
                          weight_decay=5e-4)
    rate = torch.optim.lr_scheduler.OneCycleLR(opt, .05, total_steps=steps,
                                               cycle_momentum=False)
    for _ in range(int(epochs)):
        order = torch.randperm(len(x))
        for i in range(len(x) // batch):
            j = order[i * batch:(i + 1) * batch]
            image = x[j].clone()
            flip = torch.rand(batch) < .5
            image[flip] = image[flip].flip(3)
            loss = torch.nn.functional.cross_entropy(net(image), y[j])
            opt.zero_grad()
            loss.backward()
            opt.step()
            apply()
            rate.step()
    net.eval()
    x = images("t10k-images-idx3-ubyte")
    with torch.no_grad():
        answer = torch.cat([net(part).argmax(1) for part in x.split(500)])
    right = (answer == read("t10k-labels-idx1-ubyte").long()).sum()
    print(f"{100 * right.item() / len(answer):.2f}")


main()
