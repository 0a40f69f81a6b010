# The command reconstruct, in recipes that prune runs without a screen.
. tests/cli/lib.sh
data=data/fashion-mnist-sample
export XDG_STATE_HOME="$work/state"
recipe=$work/reconstruct.recipe
fixed='--mean 0.286 --std 0.353 --kernels dense'

# One amount, distributed by measured errors: magnitude alone leaves 10 %.
echo 'reconstruct 70%' >"$recipe"
ok distribute prune data/mobilenet-bn.onnx $data --recipe "$recipe" \
	-o "$work/obs.onnx" --json $fixed
accuracy=$(value value) sparsity=$(value sparsity)
awk "BEGIN { exit !($accuracy + 0 > 0.8) }" </dev/null ||
	fail "distribute: accuracy $accuracy"
awk "BEGIN { exit !($sparsity + 0 > 0.6999 && $sparsity + 0 < 0.7001) }" \
	</dev/null || fail "distribute: sparsity $sparsity"
ok 'the file gives what was said' eval "$work/obs.onnx" $data --json \
	--mean 0.286 --std 0.353
same accuracy "$accuracy" "$(value value)"

# What is wrong is one line.
for line in 'reconstruct nothing' 'reconstruct +5%' 'reconstruct 120%'; do
	echo "$line" >"$recipe"
	refuse "$line" 1 'reconstruct' prune data/mlp.onnx $data \
		--recipe "$recipe" -o "$work/no.onnx"
done
exit $bad
