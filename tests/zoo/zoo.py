"""Asks PyTorch whether espalier answers the same on well-known networks.

usage: zoo.py PROGRAM FOLDER [NAME ...]   (names of networks, or `more` for
                                           every size of every architecture)

Each network is built with random weights, exported to FOLDER/NAME.onnx in two
opsets, run by `PROGRAM eval` on FOLDER/NAME.npz, and its outputs are compared
with PyTorch's in FOLDER/NAME-torch.npz. One row per network and opset: name,
opset, nodes, largest difference relative to the largest output, outcome. The
files of a network that agreed are removed (VGG alone is half a gigabyte), the
others stay for whoever looks into them. Exit status 1 when one did not agree.
"""
import os
import subprocess
import sys
import warnings

import numpy
import onnx
import torch

from images import FEW, MORE, SEGMENTATION, image_network
from parts import PARTS
from sequences import SEQUENCES

TOLERANCE = 1e-3
# Two samples whose answers are this close prove nothing.
LEAST_SPREAD = 0.05
OPSETS = [int(opset) for opset in os.environ.get('OPSETS', '13 17').split()]
SAMPLES = 2
SECONDS = 600
USUAL = [*FEW, *SEGMENTATION, *SEQUENCES, *PARTS]
ALL = [*FEW, *SEGMENTATION, *SEQUENCES, *MORE, *PARTS]
MADE = {**SEQUENCES, **PARTS}


def build(name):
    """The network and its inputs by name."""
    torch.manual_seed(20 + ALL.index(name))
    if name in MADE:
        network, inputs = MADE[name](SAMPLES)
    else:
        network, inputs = image_network(name, SAMPLES)
    return network.eval(), inputs


def zero(g, tensor):
    """x.zero_() (Swin V2's key bias): PyTorch 1.13 cannot export it itself."""
    return g.op('Mul', tensor, g.op('Constant', value_t=torch.tensor(0.0)))


def export(network, inputs, opset, base):
    """Writes model and inputs; returns how many nodes it has.

    The newer opset leaves the length of sequences open as well."""
    axes = {key: {0: 'batch'} for key in [*inputs, 'output']}
    for key, value in inputs.items():
        if opset == OPSETS[-1] and value.dim() == 2:
            axes[key][1] = 'steps'
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(
            network, tuple(inputs.values()), base + '.onnx',
            opset_version=opset, input_names=list(inputs),
            output_names=['output'], dynamic_axes=axes)
    numpy.savez(base + '.npz', **{k: v.numpy() for k, v in inputs.items()})
    model = onnx.load(base + '.onnx', load_external_data=False)
    return len(model.graph.node)


def evaluate(program, base):
    """espalier's outputs, or (None, why there are none)."""
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


def short(error):
    """One line of PyTorch's own errors, of whatever kind."""
    return ' '.join(str(error).split())[:200]


def check(program, network, inputs, expected, opset, base):
    """(nodes, outcome, difference) of one opset."""
    try:
        nodes = export(network, inputs, opset, base)
    except Exception as error:
        return 0, f'failed: not exported: {short(error)}', None
    numpy.savez(base + '-torch.npz', output=expected)
    ours, why = evaluate(program, base)
    if ours is None:
        return nodes, why, None
    return (nodes, *compare(ours, expected))


def remove(base):
    for end in ('.onnx', '.npz', '-torch.npz', '-espalier.npz'):
        if os.path.exists(base + end):
            os.remove(base + end)


def check_network(program, folder, name):
    """How many opsets agreed."""
    network, inputs = build(name)
    with torch.no_grad():
        expected = network(*inputs.values()).numpy()
    largest = numpy.abs(expected).max()
    spread = numpy.abs(expected[0] - expected[1]).max() / largest
    if not (numpy.isfinite(expected).all() and spread >= LEAST_SPREAD):
        print(f'{name:24}  proves nothing: samples differ by {spread:.2g}')
        return 0
    good = 0
    for opset in OPSETS:
        base = os.path.join(folder, f'{name}-{opset}')
        nodes, outcome, difference = check(program, network, inputs, expected,
                                           opset, base)
        figure = '-' if difference is None else f'{difference:.1e}'
        print(f'{name:28} {opset:3} {nodes:5} {figure:>8}  {outcome}',
              flush=True)
        if outcome == 'ok':
            good += 1
            remove(base)
    return good


def main(program, folder, *names):
    names = ALL if names == ('more',) else names or USUAL
    unknown = [name for name in names if name not in ALL]
    if unknown:
        sys.exit(f"unknown: {' '.join(unknown)}\nknown: {' '.join(ALL)}")
    for opset in OPSETS:
        torch.onnx.register_custom_op_symbolic('aten::zero', zero, opset)
    passed = sum(check_network(program, folder, name) for name in names)
    failed = len(names) * len(OPSETS) - passed
    print(f'{passed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
