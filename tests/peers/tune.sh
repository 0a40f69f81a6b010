#!/bin/sh
# The accuracy that the same tuning gives here and in PyTorch: an example
# model pruned by LAMP, then two epochs. usage: tune.sh ESPALIER [NAME ...]
# SEEDS="1 2 3"   NAMES: mlp (92 %), lenet5 (95 %), resnet20-bn (80 %).
# Prints name,seed,pytorch,ours (per cent). Needs what tune.py needs.
set -e
espalier=$1
shift
python=${PYTHON:-/usr/bin/python3}
data=/usr/share/datasets/fashion-mnist
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pixels='--scale 255 --mean 0.286 --std 0.353'
for name in ${*:-mlp lenet5 resnet20-bn}; do
	case $name in
	mlp) amount=92% ;;
	lenet5) amount=95% ;;
	resnet20-bn) amount=80% ;;
	*) echo "tune.sh: no model '$name'" >&2 && exit 2 ;;
	esac
	echo "global $amount lamp" >"$work/recipe"
	"$espalier" prune "data/$name.onnx" $data $pixels --masks \
		--recipe "$work/recipe" -o "$work/pruned.onnx" >/dev/null
	for seed in ${SEEDS:-1 2 3}; do
		theirs=$("$python" tests/peers/tune.py "$name" \
			"$work/pruned.onnx" "$work/pruned.masks.npz" "$seed" 2)
		ours=$("$espalier" tune "data/$name.onnx" $data $pixels \
			--epochs 2 --recipe "$work/recipe" --seed "$seed" \
			-o "$work/out.onnx" --json |
			awk '/"after"/ { gsub(/[^0-9.]/, "", $2); print 100 * $2 }')
		echo "$name,$seed,$theirs,$ours"
	done
done
