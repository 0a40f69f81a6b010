#!/bin/sh
# A scan of ResNet-20 on Fashion-MNIST's test images (22 layers and the whole,
# ten amounts) beside PyTorch evaluating a point in full, on the same
# processors. usage: scan.sh PROGRAM FOLDER
set -e
program=$1
folder=${2:-/usr/share/datasets/fashion-mnist}
model=data/resnet20-bn.onnx
XDG_STATE_HOME=$(mktemp -d)
export XDG_STATE_HOME
trap 'rm -r "$XDG_STATE_HOME"' EXIT
point=$("${PYTHON:-/usr/bin/python3}" tests/peers/scan.py $model "$folder")
begin=$(date +%s.%N)
points=$(($("$program" scan $model "$folder" | wc -l) - 1))
end=$(date +%s.%N)
awk -v p="$point" -v b="$begin" -v e="$end" -v n="$points" 'BEGIN {
	ours = (e - b) / n
	printf "PyTorch %.2f s a point, scan %.3f s a point (%d in %.1f s): %.0f times as fast\n", p, ours, n, e - b, p / ours }'
