"""Seconds that PyTorch takes to evaluate points of a scan in full.

usage: scan.py MODEL.onnx FOLDER [POINTS]
Each point masks one layer of the network by magnitude and runs every test
image in batches of 64, channels last (the fastest of 16, 64, 250 and 500 in
either layout, but for a few per cent). The network is built from the ONNX file's own weights
(convolutions, batch norm, additions, pooling, products), so that the work is
that of the exported model. Prints the seconds of one point.
"""
import gzip
import os
import sys
import time

import numpy
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper


def images(folder):
    for name in ("t10k-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte"):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            data = (gzip.open if name.endswith("gz") else open)(path, "rb").read()
            return torch.from_numpy(
                numpy.frombuffer(data, numpy.uint8, offset=16).copy()
                .reshape(-1, 1, 28, 28))
    sys.exit(folder + ": no test images")


def channels_last(array):
    tensor = torch.from_numpy(array.copy())
    if tensor.dim() != 4:
        return tensor
    return tensor.contiguous(memory_format=torch.channels_last)


def run(graph, weights, x):
    v = dict(weights)
    v[graph.input[0].name] = x
    for n in graph.node:
        a = {p.name: onnx.helper.get_attribute_value(p) for p in n.attribute}
        i = [v[name] if name else None for name in n.input]
        if n.op_type == "Conv":
            y = F.conv2d(i[0], i[1], i[2] if len(i) > 2 else None,
                         a.get("strides", [1, 1]), a.get("pads", [0])[0],
                         groups=a.get("group", 1))
        elif n.op_type == "BatchNormalization":
            y = F.batch_norm(i[0], i[3], i[4], i[1], i[2], False, 0,
                             a.get("epsilon", 1e-5))
        elif n.op_type == "Relu":
            y = F.relu(i[0])
        elif n.op_type == "Add":
            y = i[0] + i[1]
        elif n.op_type in ("GlobalAveragePool", "ReduceMean"):
            y = i[0].mean((2, 3), keepdim=a.get("keepdims", 1) == 1)
        elif n.op_type == "Identity":
            y = i[0]
        elif n.op_type == "Flatten":
            y = i[0].flatten(1)
        elif n.op_type == "Gemm":
            y = F.linear(i[0], i[1] if a.get("transB") else i[1].t(), i[2])
        else:
            sys.exit("no rule for " + n.op_type)
        v[n.output[0]] = y
    return v[graph.output[0].name]


def main():
    graph = onnx.load(sys.argv[1]).graph
    raw = images(sys.argv[2])
    weights = {t.name: channels_last(numpy_helper.to_array(t))
               for t in graph.initializer}
    convs = [n.input[1] for n in graph.node if n.op_type == "Conv"]
    points = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    seconds = []
    with torch.no_grad():
        for p in range(points):
            name = convs[(p * 7) % len(convs)]
            w = weights[name]
            begin = time.time()
            cut = w.abs().flatten().kthvalue(w.numel() // 2)[0]
            masked = dict(weights)
            masked[name] = w * (w.abs() > cut)
            for first in range(0, len(raw), 64):
                x = (raw[first:first + 64].float() / 255 - 0.286) / 0.353
                x = x.contiguous(memory_format=torch.channels_last)
                run(graph, masked, x).argmax(1)
            seconds.append(time.time() - begin)
    print("%.3f" % sorted(seconds)[len(seconds) // 2])


main()
