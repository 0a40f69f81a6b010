#!/bin/sh
# A training step beside PyTorch's on the same processors, in turn (A B A B).
# usage: train.sh BENCH_TRAIN [NAME ...]   ROUNDS=3 is how many turns
# Prints model,threads,pytorch_ms,ours_ms,ratio per turn; PyTorch in the faster
# of its two layouts. Needs Debian's python3-torch.
set -e
bench=$1
shift
python=${PYTHON:-/usr/bin/python3}
for name in ${*:-lenet5 resnet20-bn}; do
	for round in $(seq "${ROUNDS:-3}"); do
		plain=$("$python" tests/peers/train.py "$name" 2 | cut -d, -f4)
		last=$("$python" tests/peers/train.py "$name" 2 cl | cut -d, -f4)
		ours=$("$bench" "$name" | awk -F, '$3 == 2 { print $4 }')
		echo "$name $plain $last $ours" | awk '{
			best = $2 < $3 ? $2 : $3
			printf "%s,2,%s,%s,%.3f\n", $1, best, $4, $4 / best }'
	done
done
