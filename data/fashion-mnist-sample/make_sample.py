#!/usr/bin/python3
"""Cuts the small sample beside this script out of the full Fashion-MNIST.

Needs Debian's dataset-fashion-mnist. Writes the first 1,000 test images and the first 500 training images with their
labels as IDX files, gzipped without a date, so that the same input gives the same bytes.
"""
import gzip
import os

FULL = "/usr/share/datasets/fashion-mnist/"
HERE = os.path.dirname(os.path.abspath(__file__))


def cut(name, count):
    raw = gzip.open(FULL + name).read()
    rank = raw[3]
    head = 4 + 4 * rank
    entry = 1
    for i in range(1, rank):
        entry *= int.from_bytes(raw[4 + 4 * i:8 + 4 * i], "big")
    part = raw[:4] + count.to_bytes(4, "big") + raw[8:head + count * entry]
    with open(os.path.join(HERE, name), "wb") as file:
        with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=file, mtime=0) as packed:
            packed.write(part)


for split, count in (("t10k", 1000), ("train", 500)):
    cut(split + "-images-idx3-ubyte.gz", count)
    cut(split + "-labels-idx1-ubyte.gz", count)
