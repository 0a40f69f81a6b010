"""Asks PyTorch whether espalier answers the same on torchvision's networks.

usage: zoo.py PROGRAM FOLDER [NAME ...]      (names: all of NETWORKS)

Each network is built with random weights, exported to FOLDER/NAME.onnx, run
by `PROGRAM eval` on FOLDER/NAME.npz, and its outputs are compared with
PyTorch's in FOLDER/NAME-torch.npz. One row per network: name, nodes, outcome,
largest difference relative to the largest output. The files of a network that
agreed are removed (VGG alone is half a gigabyte), the others stay for whoever
looks into them. Exit status 1 when one did not agree.
"""
import os
import subprocess
import sys
import warnings

import numpy
import onnx
import torch
import torchvision

TOLERANCE = 1e-3
# Two samples whose answers are this close prove nothing.
LEAST_SPREAD = 0.05
OPSET = 13
SAMPLES = 2
SECONDS = 600

# name: (side of the input, further arguments of its constructor). Small
# sides where the architecture allows: planes of odd sizes, quick runs. The
# exporter has no adaptive pooling of AlexNet and VGG but at their own side.
NETWORKS = {
    'alexnet': (224, {}),
    'vgg11': (224, {}),
    'vgg11_bn': (224, {}),
    'resnet18': (64, {}),
    'resnet50': (64, {}),
    'resnext50_32x4d': (64, {}),
    'wide_resnet50_2': (64, {}),
    'squeezenet1_1': (64, {}),
    'densenet121': (64, {}),
    'googlenet': (96, {'init_weights': False}),
    'inception_v3': (107, {'init_weights': False}),
    'mobilenet_v2': (64, {}),
    'mobilenet_v3_small': (64, {}),
    'mobilenet_v3_large': (64, {}),
    'mnasnet0_5': (64, {}),
    'mnasnet1_0': (64, {}),
    'shufflenet_v2_x0_5': (64, {}),
    'shufflenet_v2_x1_0': (64, {}),
    'regnet_y_400mf': (64, {}),
    'regnet_x_400mf': (64, {}),
    'efficientnet_b0': (64, {}),
    'efficientnet_v2_s': (64, {}),
    'convnext_tiny': (64, {}),
    'vit_b_16': (64, {'image_size': 64}),
    'swin_t': (64, {}),
    'swin_v2_t': (64, {}),
}


def randomise(network):
    """Weights under which every layer matters.

    Torchvision starts some heads at zero and some residual branches at 1e-6;
    such a network would agree with one whose layers are missing.
    """
    for module in network.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            torch.nn.init.kaiming_normal_(module.weight, nonlinearity='relu')
            if module.bias is not None:
                torch.nn.init.normal_(module.bias, std=0.1)
    for name, parameter in network.named_parameters():
        leaf = name.rpartition('.')[2]
        if leaf == 'layer_scale':
            torch.nn.init.uniform_(parameter, 0.2, 0.5)
        elif parameter.dim() == 1 and leaf == 'weight':
            torch.nn.init.uniform_(parameter, 0.5, 1.5)
        elif parameter.dim() == 1 and leaf == 'bias':
            torch.nn.init.normal_(parameter, std=0.1)
        elif not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)


def settle(network, side):
    """Running statistics of batch norms from what flows through them."""
    norms = [m for m in network.modules()
             if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return
    for norm in norms:
        norm.momentum = None  # the mean of all batches
        norm.train()
    with torch.no_grad():
        for _ in range(2):
            network(torch.randn(8, 3, side, side))
    network.eval()


def build(name):
    side, arguments = NETWORKS[name]
    torch.manual_seed(20 + list(NETWORKS).index(name))
    network = torchvision.models.get_model(name, weights=None, **arguments)
    network.eval()
    with torch.no_grad():
        randomise(network)
    settle(network, side)
    return network, torch.randn(SAMPLES, 3, side, side)


def zero(g, tensor):
    """x.zero_() (Swin V2's key bias): PyTorch 1.13 cannot export it itself."""
    return g.op('Mul', tensor, g.op('Constant', value_t=torch.tensor(0.0)))


def export(name, folder):
    """Writes model, inputs and PyTorch's outputs; returns nodes, outputs."""
    network, samples = build(name)
    base = os.path.join(folder, name)
    with torch.no_grad():
        expected = network(samples).numpy()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(
            network, samples, base + '.onnx', opset_version=OPSET,
            input_names=['input'], output_names=['output'],
            dynamic_axes={'input': {0: 'batch'}, 'output': {0: 'batch'}})
    numpy.savez(base + '.npz', input=samples.numpy())
    numpy.savez(base + '-torch.npz', output=expected)
    return len(onnx.load(base + '.onnx').graph.node), expected


def evaluate(program, name, folder):
    """espalier's outputs, or (None, why there are none)."""
    base = os.path.join(folder, name)
    ours = base + '-espalier.npz'
    if os.path.exists(ours):
        os.remove(ours)
    try:
        done = subprocess.run(
            [program, 'eval', base + '.onnx', base + '.npz',
             '--preprocess', 'none', '--outputs', ours],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return None, f'failed: not done after {SECONDS} s'
    said = ' '.join(done.stderr.split())
    if done.returncode < 0:
        return None, f'failed: signal {-done.returncode} {said}'
    if done.returncode > 0:
        return None, f'refused: {said}'
    with numpy.load(ours) as outputs:
        return outputs['output'], ''


def compare(ours, expected):
    """(outcome, largest difference relative to the largest output)."""
    if ours.shape != expected.shape:
        return f'differs: shape {ours.shape}, expected {expected.shape}', None
    largest = float(numpy.abs(expected).max())
    difference = float(numpy.abs(ours - expected).max()) / largest
    # Not `>`: no comparison holds for a NaN.
    if not difference <= TOLERANCE:
        return f'differs by {difference:.2g}', difference
    return 'ok', difference


def check(program, name, folder):
    try:
        nodes, expected = export(name, folder)
    except Exception as error:  # PyTorch's own, of whatever kind
        said = ' '.join(str(error).split())[:200]
        return 0, f'failed: not exported: {said}', None
    largest = numpy.abs(expected).max()
    spread = numpy.abs(expected[0] - expected[1]).max() / largest
    if not (numpy.isfinite(expected).all() and spread >= LEAST_SPREAD):
        return nodes, f'proves nothing: samples differ by {spread:.2g}', None
    ours, why = evaluate(program, name, folder)
    if ours is None:
        return nodes, why, None
    return (nodes, *compare(ours, expected))


def remove(name, folder):
    for end in ('.onnx', '.npz', '-torch.npz', '-espalier.npz'):
        path = os.path.join(folder, name + end)
        if os.path.exists(path):
            os.remove(path)


def main(program, folder, *names):
    unknown = [name for name in names if name not in NETWORKS]
    if unknown:
        sys.exit(f"unknown: {' '.join(unknown)}\nknown: {' '.join(NETWORKS)}")
    torch.onnx.register_custom_op_symbolic('aten::zero', zero, OPSET)
    passed = failed = 0
    for name in names or NETWORKS:
        nodes, outcome, difference = check(program, name, folder)
        figure = '-' if difference is None else f'{difference:.1e}'
        print(f'{name:20} {nodes:5} {figure:>8}  {outcome}', flush=True)
        if outcome == 'ok':
            passed += 1
            remove(name, folder)
        else:
            failed += 1
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
