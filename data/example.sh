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
"$program" eval "$here/resnet20-bn.onnx" "$data"
echo
echo "== half of its weights gone, by $here/resnet20.recipe"
"$program" prune "$here/resnet20-bn.onnx" "$data" \
	--recipe "$here/resnet20.recipe" -o build/resnet20-half.onnx
echo
echo '== 90 % of every layer: past the cliff, but see what sparse kernels do'
"$program" prune "$here/resnet20-bn.onnx" "$data" --samples 1000 \
	--set '*=90%' -o build/resnet20-tenth.onnx
