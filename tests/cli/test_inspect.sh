# espalier inspect: keys and figures of the bundled models, bad models.
. tests/cli/lib.sh

ok mlp inspect data/mlp.onnx --json
keys mlp model opset parameters macs layers groups name op shape prunable \
	reason
same 'mlp parameters' "$(value parameters)" 266610
same 'mlp macs' "$(value macs)" 266200
ok table inspect data/mlp.onnx
ok 'with data' inspect data/mlp.onnx data/fashion-mnist-sample
grep -q 'fc1' "$work/out" || fail 'table: no layer fc1'
ok resnet20 inspect data/resnet20.onnx --json
grep -q '"layers.0.conv1"' "$work/out" || fail 'resnet20: no layers.0.conv1'
ok 'batch norm kept' inspect data/resnet20-bn.onnx --json
grep -q '"layers.0.conv1"' "$work/out" || fail 'resnet20-bn: no layers.0.conv1'

refuse missing 1 'none.onnx' inspect "$work/none.onnx"
: >"$work/empty.onnx"
refuse empty 1 'empty.onnx' inspect "$work/empty.onnx"
head -c 100000 data/mlp.onnx >"$work/cut.onnx"
refuse truncated 1 'cut.onnx' inspect "$work/cut.onnx"
head -c 5000 /dev/urandom >"$work/random.onnx"
refuse random 1 'random.onnx' inspect "$work/random.onnx"
echo 'not a model' >"$work/text.onnx"
refuse text 1 'text.onnx' inspect "$work/text.onnx"
refuse folder 1 'folder' inspect "$work"
mkdir "$work/a
b"
refuse 'a line end in a name' 1 'a b' inspect "$work/a
b"
finish
