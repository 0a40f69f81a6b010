# Help, version, and what is answered to wrong usage.
. tests/cli/lib.sh

ok version --version
grep -q '^espalier [0-9]' "$work/out" || fail 'version: no number'
grep -q 'oneDNN [0-9]' "$work/out" || fail 'version: no oneDNN'
grep -Eq 'instruction set (scalar|avx2|avx512)' "$work/out" ||
	fail 'version: no instruction set'

ok help --help
cp "$work/out" "$work/help"
for command in inspect eval bench scan plan prune tune compare profile data \
	replay sessions; do
	grep -q "^  $command " "$work/help" || fail "help: no $command"
	ok "$command --help" $command --help
	grep -q "usage: espalier $command" "$work/out" || fail "$command --help"
	grep -q "espalier $command" man/espalier.1 || fail "manual: no $command"
	# Every option is in the manual, where '-' is written '\-'.
	for option in $(grep -o -- '  --[a-z-]*' "$work/out"); do
		grep -qF -- "$(printf '%s' "$option" | sed 's/-/\\-/g')" \
			man/espalier.1 || fail "manual: no $option"
	done
done

run help
same 'help as a command' "$status $(cat "$work/out")" "0 $(cat "$work/help")"
run eval --help
cp "$work/out" "$work/help"
run help eval
same 'help on a command' "$status $(cat "$work/out")" "0 $(cat "$work/help")"
refuse 'help on nothing' 2 "unknown command 'frobnicate'" help frobnicate
refuse 'a slip' 2 "unknown command 'evla', nearest is 'eval'" evla
refuse 'no slip' 2 "'espalier help' lists them" frobnicate
refuse 'a slip in an option' 2 "'--sampels', nearest is '--samples'" eval a b \
	--sampels 3

# What is read is never overwritten, and what cannot be written is said before
# the work.
data=data/fashion-mnist-sample
cp data/mlp.onnx "$work/mlp.onnx"
ln -s mlp.onnx "$work/link.onnx"
for target in mlp link; do
	refuse "onto itself by $target" 2 'would overwrite what is read' prune \
		"$work/mlp.onnx" $data --set fc1=50% -o "$work/$target.onnx"
done
refuse 'outputs onto the model' 2 'would overwrite what is read' eval \
	"$work/mlp.onnx" $data --outputs "$work/mlp.onnx"
cmp -s data/mlp.onnx "$work/mlp.onnx" || fail 'the model was overwritten'
refuse 'no such folder' 1 "none/x.onnx: cannot write: No such" tune \
	data/mlp.onnx $data -o "$work/none/x.onnx" --epochs 1000
refuse 'a device' 1 '/dev/null: found a special file' prune data/mlp.onnx \
	$data --set fc1=50% -o /dev/null
refuse 'no training data' 1 'nosuch: found no such training data' tune \
	data/mlp.onnx $data -o "$work/x.onnx" --train nosuch
refuse 'no held-out data' 1 'nosuch: found no such held-out data' prune \
	data/mlp.onnx $data -o "$work/x.onnx" --set fc1=50% --holdout nosuch
refuse 'no epochs' 2 "found '0', expected a number above 0" tune \
	data/mlp.onnx $data -o "$work/x.onnx" --epochs 0
refuse 'means of two channels' 2 'of 2 channels, expected one number or 1' \
	eval data/mlp.onnx $data --mean 0.2,0.3

refuse 'no arguments' 2 'eval' eval
refuse 'too many arguments' 2 'inspect' inspect a b c
refuse 'unknown option' 2 "unknown option '--frobnicate'" \
	eval a b --frobnicate
refuse 'unknown command' 2 "unknown command 'frobnicate'" frobnicate
refuse 'tune without an output' 2 'tune needs -o OUT' tune data/mlp.onnx data/fashion-mnist-sample
refuse 'option without a value' 2 'samples' eval a b --samples
refuse 'no number' 2 "found 'many'" eval a b --samples many
refuse 'no positive number' 2 "found '0'" eval a b --threads 0
refuse 'a flag with a value' 2 'takes no value' eval a b --json=yes
refuse 'kernels' 2 'auto, dense or sparse' bench a --kernels fast
refuse 'preprocess' 2 'auto or none' eval a b --preprocess maybe
refuse 'layout' 2 'nchw or nhwc' eval a b --layout hwc
refuse 'another layout' 1 'expected float32 1x28x28 as --layout nhwc' \
	eval data/lenet5.onnx $data --layout nhwc
ok 'its own layout' eval data/lenet5.onnx $data --layout nchw
refuse 'size' 2 '512M' eval a b --memory lots
refuse 'std of zero' 2 'above 0' eval a b --std 0.5,0
refuse 'prune without output' 2 '-o OUT' prune a b --set x=1%
refuse 'prune without decisions' 2 '--recipe' prune a b -o "$work/x.onnx"
refuse 'set without amount' 2 'LAYER=AMOUNT' \
	prune a b -o "$work/x.onnx" --set fc1
touch "$work/x.session"
refuse 'a session and data' 2 'expected a session alone' "$work/x.session" data
refuse 'explorer on a missing model' 1 'missing.onnx' "$work/missing.onnx"

ESPALIER_ISA=mmx run --version
same 'unknown instruction set' $status 2
finish
