# espalier eval on all 10,000 test images gives exactly PyTorch's accuracy.
# Needs Debian's dataset-fashion-mnist; passes without a word where it is not
# installed (the logits of the bundled sample are compared in any case, of
# every model: here one stands for batch norm kept, one for folded).
. tests/cli/lib.sh
data=/usr/share/datasets/fashion-mnist
[ -d $data ] || exit 0

while read -r model accuracy; do
	# Builds with sanitizers are slow: the smallest model stands for all.
	case $ESPALIER:$model in
	*/release/*:* | *:mlp) ;;
	*) continue ;;
	esac
	ok $model eval data/$model.onnx $data --json
	same "$model: samples" "$(value samples)" 10000
	same "$model: accuracy" "$(value value)" $accuracy
done <<'END'
mlp 0.8976
lenet5 0.9165
resnet20-bn 0.9357
mobilenet 0.9293
END
finish
