# espalier tune: accuracy comes back, zeros stay, keys and errors.
. tests/cli/lib.sh
data=data/fashion-mnist-sample
out=$work/out.onnx

ok tune tune data/mlp.onnx $data --set 'fc*=95%' --epochs 6 \
	--batch 32 --with 'shift 1' -o "$out" --json
keys tune output before after epochs history train_loss value low high sparsity
same verified "$(value verified)" true
awk -v a="$(value before)" -v b="$(value after)" 'BEGIN { exit !(b > a + 0.1) }' ||
	fail "no recovery: $(value before) to $(value after)"
zeros=$(($(value parameters_before) - $(value parameters_after)))
[ $zeros -ge 252890 ] || fail "$zeros zeros are left of 252890"

ok gradual tune data/mlp.onnx $data --target 90% --epochs 3 \
	--batch 32 --schedule cosine --lr 0.02 --with distill --with linear \
	-o "$out" --json
same 'the target is met' "$(value sparsity)" 0.9

echo 'set fc1 80%
tune 1 epochs batch 32 lr 0.01' >"$work/tune.recipe"
ok 'a recipe' prune data/mlp.onnx $data \
	--recipe "$work/tune.recipe" -o "$work/again.onnx" --json
same 'verified again' "$(value verified)" true

refuse 'no output' 2 'tune needs -o OUT' tune data/mlp.onnx $data
refuse 'a schedule' 2 "'zigzag' is not understood" tune data/mlp.onnx $data \
	--schedule zigzag -o "$out"
refuse 'a target' 2 'expected a share below 100%' tune data/mlp.onnx $data \
	--target 100% -o "$out"
refuse 'a batch too large' 1 'fewer than a batch' tune data/mlp.onnx $data \
	--batch 100000 -o "$out"
exit $bad
