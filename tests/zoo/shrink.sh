#!/bin/sh
# Prunes torchvision's networks for real and asks onnx's checker and ONNX
# Runtime about the files. usage: shrink.sh PROGRAM [NAME ...]   Needs what
# check.sh needs, and npm.
set -e
program=$1
shift
peers=$PWD/build/peers
mkdir -p build/zoo "$peers"
[ -d "$peers/node_modules/onnxruntime-node" ] ||
	npm install --silent --ignore-scripts --prefix "$peers" onnxruntime-node
NODE_PATH=$peers/node_modules exec "${PYTHON:-/usr/bin/python3}" \
	tests/zoo/shrink.py "$program" build/zoo "$@"
