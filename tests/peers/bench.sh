#!/bin/sh
# Latency beside ONNX Runtime's and PyTorch's on the same processors, in turn:
# the networks of the README's table dense, and LeNet-5, ResNet-20 and MobileNet
# with 90 % of every layer's weights gone (against ONNX Runtime on the same
# file). Ends with each peer's geometric means of the dense ones.
# usage: bench.sh PROGRAM [NAME ...]       ROUNDS=5 is how many turns
# DISTANCE=bench_distance: rounds of two threads count at equal distance only.
# Needs npm; PyTorch's side and networks that are not bundled need Debian's
# python3-torch, python3-torchvision (and libopenblas0-pthread, else products
# run in the reference BLAS) and are left out without.
set -e
program=$1
shift
peers=build/peers
rows=$peers/rows.csv
mkdir -p $peers
[ -d $peers/node_modules/onnxruntime-node ] ||
	npm install --silent --ignore-scripts --prefix $peers onnxruntime-node
for name in lenet5 resnet20 mobilenet; do
	[ -f $peers/$name-sparse.onnx ] || "$program" prune data/$name.onnx \
		data/fashion-mnist-sample --set '*=90%' \
		-o $peers/$name-sparse.onnx >/dev/null
done
"${PYTHON:-/usr/bin/python3}" tests/peers/models.py $peers/models ||
	echo 'bench.sh: no PyTorch: the networks of models.py are left out' >&2

# file, sample's shape, batches
networks="
data/mlp.onnx 1x28x28 1 64
data/lenet5.onnx 1x28x28 1 64
data/resnet20.onnx 1x28x28 1 64
data/mobilenet.onnx 1x28x28 1 64
$peers/models/vgg.onnx 1x28x28 1 64
$peers/models/vit.onnx 1x28x28 1 64
$peers/models/mobilenetv2.onnx 3x224x224 1 8
$peers/models/resnet18.onnx 3x224x224 1
$peers/models/resnet50.onnx 3x224x224 1
$peers/lenet5-sparse.onnx 1x28x28 1 64
$peers/resnet20-sparse.onnx 1x28x28 1 64
$peers/mobilenet-sparse.onnx 1x28x28 1 64"

wanted() {
	[ $# -gt 1 ] || return 0
	name=$(basename "$1" .onnx)
	shift
	case " $* " in *" $name "*) return 0 ;; esac
	return 1
}

echo 'peer,model,threads,batch,their_ms,our_ms,ratio,ratio_low,ratio_high' |
	tee $rows
echo "$networks" | while read -r model shape batches; do
	[ -f "$model" ] && wanted "$model" "$@" || continue
	for threads in 1 2; do
		for batch in $batches; do
			NODE_PATH=$peers/node_modules node tests/peers/bench.cjs \
				"$program" "$model" $threads "$batch" "$shape" \
				"${ROUNDS:-5}" | tee -a $rows
		done
	done
done
awk -F, 'NR > 1 && $2 !~ /sparse/ {
		row = $1 ", " $3 " thread" ($3 > 1 ? "s" : "")
		sum[row] += log($7); count[row]++
		if ($7 > most[row]) most[row] = $7 }
	END { for (row in count)
		printf "# %s: geometric mean %.3f of %d, largest %.3f\n",
			row, exp(sum[row] / count[row]), count[row], most[row] }' \
	$rows | sort
