#!/bin/sh
# Points lost at a share of the dense latency: by the best single method
# (weights or channels, one amount everywhere, reconstructed) that is measured
# as no slower than the mix, and by the mix that `plan` finds.
# usage: plan.sh ESPALIER [MODEL.onnx]   SHARE=50% DATA=FOLDER
# Prints a row of tests/bench/history.csv: peer is the single method, ours the
# mix, both in points; every figure goes to standard error. Needs Debian's
# dataset-fashion-mnist; on two cores it takes some ten minutes.
espalier=${1:?path of the program}
model=${2:-data/resnet20-bn.onnx}
data=${DATA:-/usr/share/datasets/fashion-mnist}
share=${SHARE:-50%}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
machine="$(lscpu | sed -n 's/^Model name: *//p') $(nproc) cores"
isa=$("$espalier" --version | grep -o 'avx512\|avx2\|scalar' | head -1)
commit=$(git rev-parse --short HEAD)

# A plan that is a little too slow is compared as it is.
"$espalier" plan "$model" "$data" --budget "latency=$share" --json \
	-o "$work/mix.recipe" >"$work/mix.json"
[ -s "$work/mix.json" ] || exit 1
mix=$(awk '
	function number(text) { gsub(/[^0-9.]/, "", text); return text }
	/"reached"/ { reached = number($2) }
	/"baseline"/ { inside = "dense" }
	/"measured"/ { inside = "mix" }
	inside && /"value"/ { value[inside] = number($2); inside = "" }
	END { print reached, 100 * (value["dense"] - value["mix"]) }' \
	"$work/mix.json")
echo "mix: latency ${mix% *}, ${mix#* } points" >&2

for method in weight channel; do
	for amount in 40% 50% 60% 70% 80% 85% 88% 90% 92% 94%; do
		printf 'set * %s %s\nreconstruct\n' $amount $method >"$work/recipe"
		"$espalier" prune "$model" "$data" --recipe "$work/recipe" --json \
			-o "$work/out.onnx" >"$work/out.json" 2>"$work/err" || {
			echo "$method $amount: $(cat "$work/err")" >&2
			continue
		}
		awk -v name="$method $amount" -v limit="${mix% *}" '
			function number(text) { gsub(/[^-0-9.]/, "", text); return text }
			/"latency_ms"/ { time[n++] = number($2) }
			/"difference":/ { inside = 1 }
			inside && /"value"/ { drop = -100 * number($2); inside = 0 }
			END {
				printf "%s: latency %.3f, %.2f points\n", name,
					time[1] / time[0], drop > "/dev/stderr"
				if (time[1] <= limit * time[0])
					print drop, name
			}' "$work/out.json" >>"$work/single"
	done
done
[ -s "$work/single" ] || { echo "no single method is as fast" >&2; exit 1; }
sort -n "$work/single" | head -1 | while read -r drop method amount; do
	awk -v head="$(date +%F),$commit,$machine,$isa" -v peer="$drop" \
		-v ours="${mix#* }" -v model="$(basename "$model")" \
		-v name="plan latency=$share: points lost by $amount of every $method" \
		'BEGIN {
			printf "%s,%s and reconstruction; by the mix,%s,1,1,%.2f,%.2f,%s,,\n",
				head, name, model, peer, ours,
				(peer != 0 ? sprintf("%.3f", ours / peer) : "") }'
done
