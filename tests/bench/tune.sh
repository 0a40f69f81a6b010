#!/bin/sh
# Accuracy after tuning, in points below the dense model, with several seeds.
# usage: tune.sh ESPALIER [NAME ...]   SEEDS="1 2 3"; all rows by default
# Prints rows of tests/bench/history.csv: ratio is the mean of the seeds,
# ratio_low and ratio_high are the least and the most. Figures of every seed
# go to standard error. Needs Debian's dataset-fashion-mnist; on two cores a
# seed takes some minutes.
espalier=${1:?path of the program}
shift
data=${DATA:-/usr/share/datasets/fashion-mnist}
seeds=${SEEDS:-1 2 3}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cores=$(nproc)
machine="$(lscpu | sed -n 's/^Model name: *//p') $cores cores"
isa=$("$espalier" --version | grep -o 'avx512\|avx2\|scalar' | head -1)
commit=$(git rev-parse --short HEAD)

# row NAME MODEL RECIPE-LINE OPTION ...: what it is, what is tuned, and how.
row() {
	name=$1 model=$2
	echo "$3" >"$work/recipe"
	shift 3
	batch=128
	for option; do
		case $option in 'batch '*) batch=${option#batch } ;; esac
	done
	for seed in $seeds; do
		"$espalier" tune "data/$model" "$data" --recipe "$work/recipe" \
			--seed "$seed" --json -o "$work/out.onnx" "$@" \
			>"$work/out.json" || exit 1
		awk -v name="$name" -v seed="$seed" '
			/"latency_ms"/ { gsub(/[^0-9.]/, "", $2); time[n++] = $2 }
			/"difference":/ { inside = 1 }
			inside && /"value"/ {
				gsub(/[^-0-9.]/, "", $2)
				drop = -100 * $2
				inside = 0
			}
			/"after"/ { gsub(/[^0-9.]/, "", $2); after = $2 }
			END {
				printf "%s, seed %s: %.2f %%, %.2f below dense, latency %.3f\n",
					name, seed, 100 * after, drop,
					time[1] / time[0] > "/dev/stderr"
				printf "%.2f\n", drop
			}' "$work/out.json" >>"$work/drops"
	done
	awk -v head="$(date +%F),$commit,$machine,$isa" -v cores="$cores" \
		-v tail="$name,$model" -v batch="$batch" '
		NR == 1 { low = high = $1 }
		{ sum += $1; if ($1 < low) low = $1; if ($1 > high) high = $1 }
		END {
			printf "%s,points below dense after tuning: %s,%d,%d,,,%.3f,%.2f,%.2f\n",
				head, tail, cores, batch, sum / NR, low, high
		}' "$work/drops"
	rm "$work/drops"
}

for name in ${*:-weights80 weights95 half mlp92}; do
	case $name in
	weights80) # two epochs from a reconstruction
		row '80 % of weights' resnet20-bn.onnx 'reconstruct 80%' \
			--epochs 2 --with 'distill 0.9' --with 'batch 64' ;;
	weights95) # five, pruned while it is tuned
		row '95 % of weights' resnet20-bn.onnx '' --target 95% \
			--epochs 5 --lr 0.1 --with 'distill 0.9' --with 'batch 64' ;;
	half) # a block and half the channels of two stages, three epochs
		row 'half the latency' resnet20-bn.onnx \
			'set layers.2.conv1 layer; set layers.[3-8].* 50% channel' \
			--epochs 3 --lr 0.05 --with 'distill 0.9' ;;
	mlp92) # pruned while it is tuned
		row '92 % of weights' mlp.onnx '' --target 92% --epochs 20 \
			--with distill --with 'smooth 0.05' ;;
	*)
		echo "tune.sh: no row '$name'" >&2
		exit 2 ;;
	esac
done
