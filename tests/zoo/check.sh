#!/bin/sh
# Exports well-known networks with random weights in two opsets and asks
# PyTorch whether espalier gives the same answers. usage: check.sh PROGRAM
# [NAME ...]   Needs Debian's python3-torch, python3-torchvision, python3-onnx.
set -e
program=$1
shift
python=${PYTHON:-/usr/bin/python3}
"$python" -c 'import numpy, onnx, torch, torchvision' || {
	echo 'needs python3-torch, python3-torchvision, python3-onnx' >&2
	exit 2
}
mkdir -p build/zoo
exec "$python" "tests/zoo/${SCRIPT:-zoo.py}" "$program" build/zoo "$@"
