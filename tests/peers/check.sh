#!/bin/sh
# Prunes ResNet-20 at several amounts and asks ONNX Runtime whether the
# exported files give the same answers. usage: check.sh PROGRAM
# Needs npm (onnxruntime-node is installed under build/peers) and Debian's
# dataset-fashion-mnist.
set -e
program=$1
data=/usr/share/datasets/fashion-mnist
peers=build/peers
mkdir -p $peers
[ -d $peers/node_modules/onnxruntime-node ] ||
	npm install --silent --prefix $peers onnxruntime-node
for amount in 0% 37.5% 50% 90%; do
	out=$peers/resnet20-${amount%\%}.onnx
	"$program" prune data/resnet20.onnx $data --set "*=$amount" -o "$out" \
		>/dev/null
	"$program" eval "$out" $data --outputs $peers/outputs.npz >/dev/null
	NODE_PATH=$peers/node_modules node tests/peers/onnxruntime.cjs \
		"$out" $peers/outputs.npz $data
done
