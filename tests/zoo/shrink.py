"""Prunes torchvision's networks for real and asks others about the files.

usage: shrink.py PROGRAM FOLDER [NAME ...]     (names: images.FEW)

Of every group of channels and heads 30 % are removed by `espalier prune`
(which itself checks that the smaller model equals the masked one). The file
must pass onnx's checker with strict shape inference, and ONNX Runtime must
load it and give espalier's outputs. One row per network: layers, those whose
channels stay, size before and after, difference to ONNX Runtime, outcome.
"""
import json
import os
import subprocess
import sys

import onnx
import torch

import images
import zoo

OPSET = 13
HERE = os.path.dirname(os.path.abspath(__file__))


def run(*words):
    return subprocess.run(words, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=900)


def locked(program, path):
    said = json.loads(run(program, 'inspect', path, '--json').stdout)
    groups = said['groups']
    heads = any(g['structure'] == 'head' and not g['locked'] for g in groups)
    reasons = [(g['layers'], g['reason']) for g in groups if g['locked']]
    return len(groups), reasons, heads


def check(program, base):
    path, small = base + '.onnx', base + '-small.onnx'
    count, reasons, heads = locked(program, path)
    data = [base + '.npz', '--preprocess', 'none']
    sets = ['--set', '*=30%:channel'] + (['--set', '*=30%:head'] if heads
                                         else [])
    done = run(program, 'prune', path, *data, *sets, '-o', small, '--json')
    if done.returncode:
        return count, reasons, 'failed: ' + done.stderr.strip()
    try:
        onnx.checker.check_model(small, full_check=True)
        onnx.shape_inference.infer_shapes(onnx.load(small), strict_mode=True)
    except Exception as error:  # the checker's own, of whatever kind
        return count, reasons, 'refused by onnx: ' + str(error)[:200]
    done = run(program, 'eval', small, *data, '--outputs', base + '-ours.npz')
    if done.returncode:
        return count, reasons, 'failed: ' + done.stderr.strip()
    done = run('node', os.path.join(HERE, 'onnxruntime.cjs'), small,
               base + '.npz', base + '-ours.npz')
    before, after = os.path.getsize(path), os.path.getsize(small)
    sizes = f'{before / 1e6:.1f} -> {after / 1e6:.1f} MB'
    said = (done.stdout + done.stderr).strip()
    outcome = 'ok' if done.returncode == 0 else 'differs'
    return count, reasons, f'{outcome}: {sizes}, ONNX Runtime {said}'


def main(program, folder, *names):
    bad = 0
    torch.onnx.register_custom_op_symbolic('aten::zero', zoo.zero, OPSET)
    for name in names or images.FEW:
        base = os.path.join(folder, name)
        if not os.path.exists(base + '.npz'):
            zoo.export(*zoo.build(name), OPSET, base)
        count, reasons, outcome = check(program, base)
        print(f'{name}: {count} groups, {len(reasons)} stay, {outcome}',
              flush=True)
        for layers, reason in reasons:
            print(f'    {layers[0]}: {reason}')
        bad += not outcome.startswith('ok')
        for suffix in '-small.onnx', '-ours.npz':
            if os.path.exists(base + suffix):
                os.remove(base + suffix)
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
