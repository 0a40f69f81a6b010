# Criteria that look at samples: the same recipe, the same model; what is
# missing is one line.
. tests/cli/lib.sh
data=data/fashion-mnist-sample
out=$work/out.onnx

ok 'data for criteria' prune data/lenet5.onnx $data --set 'fc1=90%:weight:wanda' \
	--set 'conv2=50%:weight:taylor' --set 'conv1=4:channel:apoz' \
	--threads 2 -o "$out" --json --write-recipe
same verified "$(value verified)" true
ok 'on one thread' prune data/lenet5.onnx $data --recipe "$work/out.recipe" \
	--threads 1 -o "$work/again.onnx" --json
cmp -s "$out" "$work/again.onnx" || fail 'threads change the masks'
echo 'global 80% obs conv*' >"$work/global.recipe"
ok 'over layers' prune data/lenet5.onnx $data \
	--recipe "$work/global.recipe" -o "$work/global.onnx" --json
refuse 'channels only' 1 "criterion 'fpgm' ranks channels and heads" prune \
	data/lenet5.onnx $data --set 'fc1=10%:weight:fpgm' -o "$out"
mkdir "$work/test"
cp $data/t10k* "$work/test"
refuse 'no training data' 1 "no 'train' split" prune \
	data/lenet5.onnx "$work/test" --set 'fc1=10%:weight:fisher' -o "$out"
finish
