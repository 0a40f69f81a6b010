#!/bin/sh
# Latency beside ONNX Runtime's on the same processors, in turn: the bundled
# models dense, and ResNet-20 with 90 % of every layer's weights gone (against
# ONNX Runtime on the same file). usage: bench.sh PROGRAM
set -e
program=$1
peers=build/peers
mkdir -p $peers
[ -d $peers/node_modules/onnxruntime-node ] ||
	npm install --silent --ignore-scripts --prefix $peers onnxruntime-node
sparse=$peers/resnet20-sparse.onnx
[ -f $sparse ] || "$program" prune data/resnet20.onnx \
	data/fashion-mnist-sample --set '*=90%' -o $sparse >/dev/null
echo 'model,threads,batch,ort_ms,ours_ms,ratio,ratio_low,ratio_high'
for model in data/mlp.onnx data/lenet5.onnx data/resnet20.onnx \
	data/mobilenet.onnx $sparse; do
	for threads in 1 2; do
		for batch in 1 64; do
			NODE_PATH=$peers/node_modules node tests/peers/bench.cjs \
				"$program" "$model" $threads $batch 1x28x28 "${ROUNDS:-5}"
		done
	done
done
