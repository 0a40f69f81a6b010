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

ok 'an exam' tune data/mlp.onnx $data --samples 400 --holdout 50% \
	--set 'fc*=90%' --epochs 1 --batch 32 -o "$out" --json
keys 'an exam' holdout dense difference gap warning
same 'samples that decide' "$(value samples)" 200

# Killed in the middle it goes on from its checkpoint, bit for bit.
long() { # OUT; called in a shell of its own, which becomes the program
	exec "$ESPALIER" tune data/mlp.onnx $data --set 'fc*=90%' --epochs 100 \
		--batch 32 --lr 0.02 --samples 100 --with best \
		--checkpoint "$work/kept.npz" -o "$1" --json
}
long "$out" >/dev/null 2>&1 &
tries=0
while [ ! -s "$work/kept.npz" ] && [ $tries -lt 1000 ]; do
	sleep 0.05
	tries=$((tries + 1))
done
kill -9 $!
wait $! 2>/dev/null
[ -s "$work/kept.npz" ] || fail 'no checkpoint was kept'
refuse 'another tune' 1 "was kept by 'tune 100 epochs .*', found 'tune 3 epochs': name another" \
	tune data/mlp.onnx $data --set 'fc*=90%' --epochs 3 \
	--checkpoint "$work/kept.npz" -o "$out"
refuse 'another variant' 1 'was kept of other decisions than these' \
	tune data/mlp.onnx $data --set 'fc*=80%' --epochs 100 --batch 32 \
	--lr 0.02 --with best --checkpoint "$work/kept.npz" -o "$out"
# As many weights, the same decisions and line, but not the model it began with.
run prune data/mlp.onnx $data --set 'fc*=10%' -o "$work/other.onnx"
refuse 'another model' 1 \
	"kept.npz: was kept of another model: found '.*other.onnx', content [0-9a-f]*, expected content [0-9a-f]*$" \
	tune "$work/other.onnx" $data --set 'fc*=90%' --epochs 100 --batch 32 \
	--lr 0.02 --samples 100 --with best --checkpoint "$work/kept.npz" -o "$out"
(long "$out") >"$work/resumed.json" 2>/dev/null || fail 'it does not go on'
[ -e "$work/kept.npz" ] && fail 'a checkpoint is left when all is done'
(long "$work/whole.onnx") >"$work/whole.json" 2>/dev/null
cmp -s "$out" "$work/whole.onnx" || fail 'a killed tune ends otherwise'
# What cannot be kept is told when it ends. (A limit stands for a full disk.)
(
	trap '' XFSZ
	ulimit -f 100
	exec "$ESPALIER" tune data/mlp.onnx $data --set 'fc*=90%' --epochs 1 \
		--batch 32 --samples 100 --checkpoint "$work/kept.npz" -o "$out"
) >/dev/null 2>"$work/err"
status=$?
[ $status -eq 1 ] || fail "a full disk: status $status"
grep -q 'kept.npz: .*cannot write: File too large' "$work/err" ||
	fail "a full disk: $(cat "$work/err")"
refuse 'resume without a session' 2 "'resume' stands alone" \
	tune data/mlp.onnx $data --epochs 2 --with resume -o "$out"

# Masks that come back with a model that was tuned elsewhere.
ok 'masks go out' prune data/mlp.onnx $data --set 'fc*=90%' --masks \
	-o "$work/there.onnx" --json
ok 'and come back' tune "$work/there.onnx" $data --epochs 1 --batch 32 \
	--masks "$work/there.masks.npz" -o "$work/back.onnx" --json
same 'they hold' "$(value sparsity)" 0.9
ok 'the session goes on' prune "$work/back.onnx" $data --set 'fc1=95%' \
	--masks "$work/there.masks.npz" -o "$out" --json
awk -v s="$(value sparsity)" 'BEGIN { exit !(s > 0.94) }' ||
	fail "$(value sparsity) of the weights are gone"
echo "masks $work/there.masks.npz" >"$work/masks.recipe"
ok 'as a line of a recipe' prune "$work/back.onnx" $data \
	--recipe "$work/masks.recipe" -o "$out" --json
same 'they hold there' "$(value sparsity)" 0.9
run eval data/mlp.onnx $data --masks "$work/there.masks.npz" --json
same 'weights under masks go' $status 0
grep -q '239580 masked weights were not zero' "$work/err" ||
	fail "weights that are not zero: $(cat "$work/err")"
refuse 'masks of another model' 1 \
	"layer 'fc1': found a mask (300, 784), expected (500, 800)" \
	eval data/lenet5.onnx $data --masks "$work/there.masks.npz"
refuse 'masks of layers that are not there' 1 \
	"found the mask 'fc1.weight', the model has no layer of that name" \
	eval data/mobilenet-bn.onnx $data --masks "$work/there.masks.npz"
refuse 'no file of masks' 2 "option '--masks' needs FILE.npz" \
	eval data/mlp.onnx $data --masks

refuse 'no output' 2 'tune needs -o OUT' tune data/mlp.onnx $data
refuse 'a schedule' 2 "'zigzag' is not understood" tune data/mlp.onnx $data \
	--schedule zigzag -o "$out"
refuse 'a target' 2 'expected a share below 100%' tune data/mlp.onnx $data \
	--target 100% -o "$out"
# refuse_words STATUS PATTERN WORDS: what `tune WORDS` says.
refuse_words() {
	refuse "$3" "$1" "$2" tune data/mlp.onnx $data -o "$out" --with "$3"
}
refuse_words 2 "'lr' wants a number, found 'nothing'" lr
refuse_words 2 "'lr' wants a number, found 'fast'" 'lr fast'
refuse_words 2 "'batch' wants a number, found '1.5'" 'batch 1.5'
refuse_words 2 "'decay' wants a number, found '-1'" 'decay -1'
refuse_words 2 "'to' wants an amount" to
refuse_words 2 "target is '0%', expected a share below 100%" 'to 0%'
refuse_words 2 "target is '+5%', expected" 'to +5%'
refuse_words 2 "'3' is not understood" '3'
refuse_words 2 "'wanda' is not understood" 'wanda'
refuse_words 1 'distillation is 2, expected 0 to 1' 'distill 2'
refuse_words 1 'momentum is 2, expected 0 to 1' 'momentum 2'
refuse_words 1 'temperature is 0, expected 0.001 to 1000' 'temperature 0'
refuse_words 1 'a batch has at least one sample' 'batch 0'
refuse_words 1 'no number any more at step [0-9]*: try a lower' \
	'batch 50 lr 1e6'
refuse 'data without a training split' 1 "split 'train' was asked for" \
	tune data/mlp.onnx $data/t10k-images-idx3-ubyte.gz -o "$out"

echo 'set layers.3.conv1 50% channel; set layers.7.conv1 layer
set layers.1.conv1 60%' >"$work/small.recipe"
ok 'channels and a block' tune data/resnet20-bn.onnx $data --samples 128 \
	--recipe "$work/small.recipe" --epochs 0.3 --batch 32 -o "$out" --json
same 'a smaller model is verified' "$(value verified)" true
[ "$(value parameters_after)" -lt 200000 ] ||
	fail "$(value parameters_after) parameters are left"

refuse 'a batch too large' 1 'fewer than a batch' tune data/mlp.onnx $data \
	--batch 100000 -o "$out"
exit $bad
