"""Asks PyTorch whether one step of training moves known networks the same way.

usage: step.py PROGRAM FOLDER [NAME ...]     (names: images.FEW and others)

Batch norms are folded or frozen. `PROGRAM tune` takes one step of plain
gradient descent on one batch; what it did to the stored weights, divided by
the rate, is compared with PyTorch's gradients of the same loss in double
precision, parameter by parameter: the length of the difference relative to
the gradient's. Where rounding decides a gate or a maximum, that of PyTorch's
own single precision is as large: deep networks with random weights amplify
it. What reaches the network through an operator without a gradient only is not
trained: counted, no failure.
Rows: network, parameters that agree, that were compared, the median
difference, the largest, PyTorch's own largest, outcome.
"""
import copy
import os
import subprocess
import sys

import numpy
import onnx
import onnx.numpy_helper
import torch
import torch.fx
import torch.fx.experimental.optimization

import images
import zoo

OPSET = 13
SAMPLES = 4
TOLERANCE = 5e-2
# What rounding of the stored weights may hide of the gradient.
HIDDEN = 1e-3
NAMES = [*images.FEW, 'bert', 'resampled']


def folded(network):
    """The network as the exporter folds it, with its parameters' names."""
    try:
        return torch.fx.experimental.optimization.fuse(network)
    except Exception:  # of whatever kind: what cannot be traced has sequences
        pass
    for row in network.modules():
        if not isinstance(row, torch.nn.Sequential):
            continue
        for i in range(len(row) - 1):
            if isinstance(row[i], torch.nn.Conv2d) and \
                    isinstance(row[i + 1], torch.nn.BatchNorm2d):
                row[i] = torch.nn.utils.fusion.fuse_conv_bn_eval(row[i],
                                                                 row[i + 1])
                row[i + 1] = torch.nn.Identity()
    return network


def stored(path):
    return {t.name: onnx.numpy_helper.to_array(t)
            for t in onnx.load(path).graph.initializer}


def turned(value):
    """The parameter, and as exporters turn it for a product."""
    return [value, value.T] if value.ndim == 2 else [value]


def distance(ours, exact):
    return float(numpy.linalg.norm(ours - exact) / numpy.linalg.norm(exact))


def limit(theirs):
    """How far ours may be: further where single precision is."""
    return max(TOLERANCE, 3 * max(theirs, default=0))


def learn(network, inputs, labels):
    """Fills in the gradients; returns the longest."""
    logits = network(*inputs)
    torch.nn.functional.cross_entropy(logits, labels).backward()
    return max(float(p.grad.abs().max()) for p in network.parameters()
               if p.grad is not None)


def moves(before, after, network, exact, rate):
    """(name, ours, PyTorch's, exact, rounding) of what is stored once."""
    known, seen = {}, {}
    for parameter in network.parameters():
        face = parameter.shape, parameter.detach().numpy().tobytes()
        seen[face] = seen.get(face, 0) + 1
    for name, value in before.items():
        if value.dtype == numpy.float32 and value.size > 1:
            known.setdefault((value.shape, value.tobytes()), []).append(name)
    for (name, parameter), other in zip(network.named_parameters(),
                                        exact.parameters()):
        face = parameter.shape, parameter.detach().numpy().tobytes()
        if parameter.grad is None or parameter.numel() < 2 or seen[face] > 1:
            continue
        faces = zip(turned(parameter.detach().numpy()),
                    turned(parameter.grad.numpy()),
                    turned(other.grad.numpy()))
        for weight, single, double in faces:
            names = known.get((weight.shape, weight.tobytes()), [])
            if len(names) == 1:
                ours = (before[names[0]] - after[names[0]]) / rate
                rounding = numpy.linalg.norm(weight) * 6e-8 / rate
                yield name, ours, single, double, rounding
                break


def step(program, base, rate):
    """The weights after one step, or why there are none."""
    out = base + '-step.onnx'
    words = ['sgd', 'constant', 'warmup 0', 'momentum 0', 'decay 0',
             'noflip', 'frozen', f'batch {SAMPLES}']
    done = subprocess.run(
        [program, 'tune', base + '.onnx', base + '.npz', '--train',
         base + '.npz', '--preprocess', 'none', '--epochs', '1', '--lr',
         repr(rate), '-o', out,
         *[w for word in words for w in ('--with', word)]],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        timeout=900)
    said = ' '.join(done.stderr.split())
    return (None, said) if done.returncode else (stored(out), '')


def check(program, folder, name):
    torch.manual_seed(50 + NAMES.index(name))
    zoo.SAMPLES = SAMPLES
    network, inputs = zoo.build(name)
    network = folded(network.eval())
    labels = torch.arange(SAMPLES)
    exact = copy.deepcopy(network).double()
    learn(exact, [v.double() if v.is_floating_point() else v
                  for v in inputs.values()], labels)
    largest = learn(network, inputs.values(), labels)
    base = os.path.join(folder, name)
    zoo.export(network, inputs, OPSET, base)
    numpy.savez(base + '.npz', labels=labels.numpy(),
                **{k: v.numpy() for k, v in inputs.items()})
    rate = float(f'{1 / largest:.3g}')
    after, why = step(program, base, rate)
    if after is None:
        return [], [], 'failed: ' + why[:150]
    ours, theirs, still = [], [], []
    for key, moved, single, double, rounding in moves(
            stored(base + '.onnx'), after, network, exact, rate):
        if rounding >= HIDDEN * numpy.linalg.norm(double):
            continue
        if not moved.any():
            still.append(key)
            continue
        ours.append(distance(moved, double))
        theirs.append(distance(single, double))
        if ours[-1] > float(os.environ.get('V', 'inf')):
            print(f'    {key}: {ours[-1]:.2g}, PyTorch {theirs[-1]:.2g}')
    enough = len(list(network.parameters())) / 2
    good = len(ours) > enough and max(ours) <= limit(theirs)
    outcome = 'ok' if good and len(still) < len(ours) / 2 else 'differs'
    if still:
        outcome += f', {len(still)} stay: {still[0]}'
    for file in '.onnx', '.npz', '-step.onnx':
        if os.path.exists(base + file) and outcome.startswith('ok'):
            os.remove(base + file)
    return ours, theirs, outcome


def main(program, folder, *names):
    failed = 0
    torch.onnx.register_custom_op_symbolic('aten::zero', zoo.zero, OPSET)
    for name in names or NAMES:
        ours, theirs, outcome = check(program, folder, name)
        agree = sum(value <= limit(theirs) for value in ours)
        middle = numpy.median(ours) if ours else 0
        print(f'{name:24} {agree:4} of {len(ours):4}  {middle:.1e} '
              f'{max(ours, default=0):.1e} {max(theirs, default=0):.1e}  '
              f'{outcome}', flush=True)
        failed += not outcome.startswith('ok')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
