#!/bin/sh
# The accuracy that the same tuning gives here and in PyTorch: LeNet-300-100
# at 92 % by LAMP, two epochs. usage: tune.sh ESPALIER   SEEDS="1 2 3"
# Prints seed,pytorch,ours (per cent). Needs what tune.py needs.
set -e
espalier=$1
python=${PYTHON:-/usr/bin/python3}
data=/usr/share/datasets/fashion-mnist
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pixels='--scale 255 --mean 0.286 --std 0.353'
echo 'global 92% lamp' >"$work/recipe"
"$espalier" prune data/mlp.onnx $data $pixels --recipe "$work/recipe" \
	--masks -o "$work/pruned.onnx" >/dev/null
for seed in ${SEEDS:-1 2 3}; do
	theirs=$("$python" tests/peers/tune.py "$work/pruned.onnx" \
		"$work/pruned.masks.npz" "$seed" 2)
	ours=$("$espalier" tune data/mlp.onnx $data $pixels --epochs 2 \
		--recipe "$work/recipe" --seed "$seed" -o "$work/out.onnx" --json |
		awk '/"after"/ { gsub(/[^0-9.]/, "", $2); print 100 * $2 }')
	echo "$seed,$theirs,$ours"
done
