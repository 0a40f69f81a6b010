#!/bin/sh
# The bundled example: ResNet-20 on Fashion-MNIST. usage: example.sh PROGRAM
# In a terminal it opens the explorer; elsewhere it does the same job without
# a screen: prune by the bundled recipe, evaluate, export, verify, measure.
set -e
program=$1
here=$(dirname "$0")
if [ -t 1 ] && [ -t 0 ]; then
	exec "$program"
fi
data=/usr/share/datasets/fashion-mnist
[ -d "$data" ] || data=$here/fashion-mnist-sample
mkdir -p build
echo '== the dense model'
"$program" eval "$here/resnet20.onnx" "$data"
echo
echo "== pruned by $here/resnet20.recipe"
"$program" prune "$here/resnet20.onnx" "$data" \
	--recipe "$here/resnet20.recipe" -o build/resnet20-pruned.onnx
echo
echo '== latency, dense and pruned, one thread, batch 1'
"$program" bench "$here/resnet20.onnx"
"$program" bench build/resnet20-pruned.onnx
