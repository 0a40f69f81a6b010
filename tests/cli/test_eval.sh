# espalier eval, data and compare: keys, figures, bad data.
. tests/cli/lib.sh
data=data/fashion-mnist-sample
images=$(ls $data/*images* | head -n 1)
labels=$(ls $data/*labels* | head -n 1)

ok data data $data --json
keys data format samples classes inputs shape mean std
samples=$(value samples)
same classes "$(value classes)" 10
ok 'data as text' data $data --samples 20
grep -q '^samples  20$' "$work/out" || fail 'data: --samples'

ok eval eval data/mlp.onnx $data --json
keys eval model data samples metric value low high loss top5 per_class seconds
same 'all samples' "$(value samples)" "$samples"
same metric "$(value metric)" '"top1"'
mlp=$(value value)
ok 'the same at any batch and thread count' \
	eval data/mlp.onnx $data --json --batch 7 --threads 3 --seed 5
same 'batch and threads' "$(value value)" "$mlp"
ok 'the normalisation given' \
	eval data/mlp.onnx $data --json --mean 0.2860 --std 0.3530 --scale 255
same 'given normalisation' "$(value value)" "$mlp"
ok 'the scale of images is known' \
	eval data/mlp.onnx $data --json --mean 0.2860 --std 0.3530
same 'default scale' "$(value value)" "$mlp"
ok 'raw pixels' eval data/mlp.onnx $data --json --preprocess none
[ "$(value value)" = "$mlp" ] && fail 'raw pixels change nothing'
ok 'text' eval data/mlp.onnx $data --samples 50
grep -q 'top-1' "$work/out" || fail 'text: no top-1'
grep -q 'inputs' "$work/out" || fail 'text: no preprocessing'

ok outputs eval data/mlp.onnx $data --samples 30 \
	--outputs "$work/outputs.npz" --json
[ -s "$work/outputs.npz" ] || fail 'outputs: no file'

ok compare compare data/mlp.onnx data/lenet5.onnx $data --json
keys compare a b samples difference low high per_class flips a_only b_only p_value
ok 'a model with itself' compare data/mlp.onnx data/mlp.onnx $data --json
same 'no difference' "$(value difference)" 0
same 'no flips' "$(value a_only)" 0

# The dense model's pixels serve both: this pruned one alone would score higher
# under others.
ok 'prune half' prune data/resnet20-bn.onnx $data --samples 512 --json \
	--set '*=50%' -o "$work/half.onnx"
pruned=$(value value)
ok 'the pruned file' eval "$work/half.onnx" $data --samples 512 --json
same 'its own pixels' "$(value value) $(value stated)" "$pruned true"
ok 'compare with the pruned' compare data/resnet20-bn.onnx "$work/half.onnx" \
	$data --samples 512 --json
same 'pruned accuracy again' "$(value b_value)" "$pruned"
grep -q '"name":.*"fashion-mnist"' "$work/out" || fail 'compare: pixels not said'

keys 'what flipped' flipped class_changes lost won
ok 'worse data' eval "$work/half.onnx" $data --samples 200 --json --flips 3 \
	--dense data/resnet20-bn.onnx --corruptions jpeg,contrast --severity 2,5 \
	--also $data
keys 'worse data' robustness condition severity difference dense_correct flipped
awk "BEGIN {exit !($(value joules) < $(value dense_joules))}" ||
	fail "energy: $(value joules), dense $(value dense_joules)"
# Every class that lost or won has its interval, and its test.
same 'changes by class' "$(grep -c '"p_value":' "$work/out")" \
	$(($(grep -c '"lost":[^"]*$' "$work/out") + 7 + $(
		grep -c '"dense_correct":' "$work/out") - $(
		grep -c '"samples":[[:space:]]*0,' "$work/out")))
for name in clean hesitant jpeg contrast; do
	grep -q "\"condition\":.*\"$name\"" "$work/out" || fail "no row '$name'"
done
same 'rows of worse data' "$(grep -c '"condition":' "$work/out")" 7
refuse 'unknown corruption' 2 'rain.*gaussian-noise' eval data/mlp.onnx $data \
	--samples 10 --corruptions jpeg,rain
refuse 'severity' 2 'from 1 to 5' eval data/mlp.onnx $data --severity 6

refuse 'no data' 1 'nowhere' eval data/mlp.onnx "$work/nowhere"
refuse 'outputs nowhere' 1 'nowhere' eval data/mlp.onnx $data --samples 10 \
	--outputs "$work/nowhere/x.npz"
refuse 'unknown split' 1 'nosuch' eval data/mlp.onnx $data --split nosuch
mkdir "$work/cut" "$work/none" "$work/fewer"
name=$(basename "$images") label=$(basename "$labels")
head -c 3000 "$images" >"$work/cut/$name"
cp "$labels" "$work/cut/"
refuse 'truncated images' 1 "$work/cut" eval data/mlp.onnx "$work/cut"
refuse 'a folder without data' 1 'none' eval data/mlp.onnx "$work/none"
cp "$images" "$work/fewer/"
head -c 5 /dev/zero >"$work/fewer/$label"
refuse 'wrong labels' 1 "$work/fewer" eval data/mlp.onnx "$work/fewer"
finish
