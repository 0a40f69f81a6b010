#!/bin/sh
# Prunes ResNet-20 at several amounts and asks ONNX Runtime whether the
# exported files give the same answers. usage: check.sh PROGRAM
# Needs npm (onnxruntime-node is installed under build/peers) and Debian's
# dataset-fashion-mnist.
set -e
program=$1
data=/usr/share/datasets/fashion-mnist
peers=build/peers
# Said, not found out: a pruned model may score higher under wrong pixels.
pixels='--scale 255 --mean 0.286 --std 0.353'
mkdir -p $peers
[ -d $peers/node_modules/onnxruntime-node ] ||
	npm install --silent --ignore-scripts --prefix $peers onnxruntime-node
for amount in 0% 37.5% 50% 90% 25%:channel 2:4p; do
	out=$peers/resnet20-$(echo "$amount" | tr -d %: ).onnx
	"$program" prune data/resnet20-bn.onnx $data $pixels --set "*=$amount" \
		-o "$out" >/dev/null
	"$program" eval "$out" $data $pixels --outputs $peers/outputs.npz \
		>/dev/null
	NODE_PATH=$peers/node_modules node tests/peers/onnxruntime.cjs \
		"$out" $peers/outputs.npz $data
done
