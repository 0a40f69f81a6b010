"""Latency of a network in PyTorch, a round for every line of standard input.

usage: pytorch.py NAME THREADS BATCH SHAPE(1x28x28)

Prints PyTorch's version once it is ready, then, for every line read, a round's
median milliseconds of a batch. It runs the fastest of what its users have:
the module as it is, with channels last, or compiled by TorchScript and
optimised for inference. Weights are random; nothing here depends on them.
Ends at once where the network is none of data/make_models.py and models.py,
and where products would run in the reference BLAS, which nobody compares with.
"""
import os
import statistics
import sys
import time
import warnings

import torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(HERE)
sys.path.append(os.path.join(HERE, '..', '..', 'data'))

import make_models
import models

LAST = torch.channels_last
FAST = ('openblas', 'mkl_', 'libblis')


def maker(name):
    if name in models.NETWORKS:
        return models.NETWORKS[name][0]
    if name in make_models.RECIPES:
        return make_models.RECIPES[name][0]
    sys.exit(0)


def has_fast_products():
    with open('/proc/self/maps', encoding='utf8') as maps:
        text = maps.read()
    return any(name in text for name in FAST)


def forms(make, data):
    """Pairs of a callable and its input."""
    last = data.contiguous(memory_format=LAST)
    traced = torch.jit.trace(make().eval(), data)
    return [(make().eval(), data),
            (make().eval().to(memory_format=LAST), last),
            (torch.jit.optimize_for_inference(traced), data)]


def timed(run, data, seconds=1., runs=30):
    """The median of at least `seconds` and of `runs` after five untimed."""
    for _ in range(5):
        run(data)
    times, begin = [], time.perf_counter()
    while len(times) < runs or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        run(data)
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def main(name, threads, batch, shape):
    warnings.simplefilter('ignore')
    torch.set_num_threads(int(threads))
    make = maker(name)
    if not has_fast_products():
        sys.exit('pytorch.py: a reference BLAS; install libopenblas0-pthread')
    data = torch.randn(int(batch), *map(int, shape.split('x')))
    with torch.inference_mode():
        run, data = min(forms(make, data),
                        key=lambda form: timed(*form, seconds=.3, runs=5))
        print(torch.__version__.split('+')[0], flush=True)
        for _ in sys.stdin:
            print(timed(run, data), flush=True)


if __name__ == '__main__':
    main(*sys.argv[1:])
