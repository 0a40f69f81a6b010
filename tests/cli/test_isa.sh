#!/bin/sh
# The same lines give the same masks and the same accuracy on every
# instruction set: masks byte for byte, accuracy up to answers whose margin lies
# within rounding (none of these samples).
. "$(dirname "$0")/lib.sh"
data=data/fashion-mnist-sample
first=
for isa in scalar avx2 avx512; do
	ESPALIER_ISA=$isa "$ESPALIER" data --help >/dev/null 2>&1 || continue
	for again in 1 2; do
		out=$work/$isa-$again
		ESPALIER_ISA=$isa "$ESPALIER" prune data/mlp.onnx $data \
			--samples 500 --seed 3 --scale 255 --mean 0.286 --std 0.353 \
			--set '*=60%' --set 'fc*=70%::random' --masks --write-recipe --json \
			-o "$out.onnx" >"$work/out" 2>"$work/err"
		if [ $? != 0 ]; then
			grep -q 'ESPALIER_ISA' "$work/err" && continue 2
			fail "$isa: $(cat "$work/err")"
			continue
		fi
		value value >"$out.value"
		first=${first:-$out}
		cmp -s "$first.masks.npz" "$out.masks.npz" || fail "$isa: other masks"
		cmp -s "$first.recipe" "$out.recipe" || fail "$isa: another recipe"
		cmp -s "$first.onnx" "$out.onnx" || fail "$isa: another model"
		cmp -s "$first.value" "$out.value" ||
			fail "$isa: accuracy $(cat "$out.value"), $(cat "$first.value")"
	done
done
[ -n "$first" ] || fail 'no instruction set worked'
finish
