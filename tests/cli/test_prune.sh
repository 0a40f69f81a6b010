# espalier prune: exact zeros, verification, replaced only when complete.
. tests/cli/lib.sh
data=data/fashion-mnist-sample
out=$work/out.onnx

ok prune prune data/mlp.onnx $data --set fc1=90% --set fc2=50% -o "$out" \
	--json --masks --report --write-recipe
keys prune output sparsity parameters_before parameters_after size_bytes \
	value low high latency_ms verified
same verified "$(value verified)" true
same 'different answers' "$(value different_answers)" 0
# 784*300*0.9 + 300*100*0.5 weights less.
before=$(value parameters_before) after=$(value parameters_after)
same 'exact zeros' $((before - after)) $((211680 + 15000))
pruned=$(value value)
same size "$(value size_bytes)" "$(wc -c <"$out" | tr -d ' ')"
pruned_bytes=$(wc -c <"$out")
for companion in out.masks.npz out.masks.py out.recipe out.md; do
	[ -s "$work/$companion" ] || fail "no $companion"
done

ok 'the file says the same' eval "$out" $data --json
same 'accuracy of the file' "$(value value)" "$pruned"
ok 'its recipe again' prune data/mlp.onnx $data --recipe "$work/out.recipe" \
	-o "$work/again.onnx" --json
cmp -s "$out" "$work/again.onnx" || fail 'the recipe gives another model'
ok 'a row and an exact number' prune data/mlp.onnx $data --set @2=123 \
	-o "$out" --json
same '123 zeros' $(($(value parameters_before) - $(value parameters_after))) \
	123
ok 'channels' prune data/mlp.onnx $data --set fc1=50%:channel --set fc2=60% \
	-o "$work/small.onnx" --json --write-recipe
same verified "$(value verified)" true
[ "$(wc -c <"$work/small.onnx")" -lt $((pruned_bytes * 6 / 10)) ] ||
	fail 'fewer channels, but no smaller file'
ok 'its recipe again' prune data/mlp.onnx $data --recipe "$work/small.recipe" \
	-o "$work/again.onnx" --json
cmp -s "$work/small.onnx" "$work/again.onnx" ||
	fail 'the recipe gives another smaller model'
ok 'smaller shapes' inspect "$work/small.onnx" --json
grep -A4 '"name":.*"fc2"' "$work/out" | tr -d '\n\t ' |
	grep -q '"shape":\[100,150\]' || fail 'fc2 is not 100x150'
refuse 'locked channels' 1 "layer 'fc3': its channels stay" prune \
	data/mlp.onnx $data --set fc3=10%:channel -o "$out"
refuse 'one channel stays' 1 'expected at most 299' prune \
	data/mlp.onnx $data --set fc1=300:channel -o "$out"
ok 'channels in another order' prune data/mlp.onnx $data --set fc2=2:4p \
	--set fc3=1:4p:l2 -o "$work/order.onnx" --json --write-recipe
same verified "$(value verified)" true
same 'different answers' "$(value different_answers)" 0
grep -q '^set fc2 .*2:4p' "$work/order.recipe" || fail 'no order in the recipe'
ok 'its recipe again' prune data/mlp.onnx $data --recipe "$work/order.recipe" \
	-o "$work/again.onnx" --json
cmp -s "$work/order.onnx" "$work/again.onnx" ||
	fail 'the recipe gives another order'
refuse 'locked order' 1 'its input channels keep their order: it meets' prune \
	data/mlp.onnx $data --set fc1=2:4p -o "$out"
refuse 'N beyond M' 1 'found 5:4' prune data/mlp.onnx $data --set fc2=5:4p \
	-o "$out"
ok 'structure and criterion' prune data/mlp.onnx $data \
	--set 'fc*=10%:weight:magnitude' -o "$out"
grep -q 'verified    yes' "$work/out" || fail 'text: verified'

# What is written beside OUT replaces nothing unasked.
echo mine >"$work/notes.md"
refuse 'a file that is there' 2 'notes.onnx: .* notes.md would be replaced' \
	prune data/mlp.onnx $data --set fc1=10% --report -o "$work/notes.onnx"
same 'my notes' "$(cat "$work/notes.md") $(ls "$work" | grep -c notes)" 'mine 1'
ok 'when told' prune data/mlp.onnx $data --set fc1=10% --report --force \
	--samples 100 -o "$work/notes.onnx"
grep -q fc1 "$work/notes.md" || fail 'force: no report'
ok 'the same again' prune data/mlp.onnx $data --set fc1=20% --report \
	--samples 100 -o "$work/notes.onnx"
grep -q 'fc1 20%' "$work/notes.md" || fail 'again: no report'
echo 'set fc1 10%' >"$work/mine.recipe"
refuse 'the recipe that is read' 2 'overwrite what is read' prune \
	data/mlp.onnx $data --recipe "$work/mine.recipe" --write-recipe --force \
	-o "$work/mine.onnx"

old=$(cksum <"$out")
refuse 'unknown layer' 1 'nosuch' prune data/mlp.onnx $data \
	--set nosuch=10% -o "$out"
refuse 'too much' 1 '150%' prune data/mlp.onnx $data --set fc1=150% -o "$out"
refuse 'unknown criterion' 1 'guess' prune data/mlp.onnx $data \
	--set fc1=10%:weight:guess -o "$out"
echo 'set fc1 10%
bake a cake' >"$work/bad.recipe"
refuse 'bad recipe' 1 'bad.recipe:2' prune data/mlp.onnx $data \
	--recipe "$work/bad.recipe" -o "$out"
refuse 'no recipe' 1 'none.recipe' prune data/mlp.onnx $data \
	--recipe "$work/none.recipe" -o "$out"
refuse 'no folder' 1 "$work/none/x.onnx" prune data/mlp.onnx $data \
	--set fc1=10% -o "$work/none/x.onnx"
same 'the old file stays' "$(cksum <"$out")" "$old"

# A write that stops in the middle: the old file stays, nothing is left over.
# (SIGXFSZ is ignored so that write() fails, as on a full disk.)
(
	trap '' XFSZ
	ulimit -f 100
	"$ESPALIER" prune data/mlp.onnx $data --set fc1=10% -o "$out" \
		>"$work/full.out" 2>"$work/full.err"
	echo $? >"$work/full.status"
)
same 'full disk: status' "$(cat "$work/full.status")" 1
grep -q "^espalier: .*out.onnx" "$work/full.err" ||
	fail "full disk: $(cat "$work/full.err")"
same 'full disk: the old file stays' "$(cksum <"$out")" "$old"
same 'full disk: nothing left over' \
	"$(find "$work" -name 'out.onnx.*' | wc -l | tr -d ' ')" 0

# Interrupted: status 130 and no file. (A shell's background jobs ignore
# SIGINT; SIGTERM is answered the same way.)
"$ESPALIER" prune data/mobilenet-bn.onnx $data --set '*=10%' --threads 1 \
	-o "$work/interrupted.onnx" >"$work/out" 2>"$work/err" &
pid=$!
sleep 0.3
kill -TERM $pid
wait $pid
same 'interrupted: status' $? 130
[ -e "$work/interrupted.onnx" ] && fail 'interrupted: a file was written'
grep -q '^espalier: .*interrupted' "$work/err" || fail 'interrupted: no word'

# The exam: half of the samples decide nothing.
ok 'held out' prune data/mlp.onnx $data --samples 400 --holdout 50% --json \
	--set '*=40%' -o "$work/exam.onnx"
keys 'held out' holdout dense difference gap warning
same 'samples that decide' "$(value samples)" 200
ok 'held out in a file' prune data/mlp.onnx $data --samples 400 \
	--holdout $data --set '*=40%' -o "$work/exam2.onnx"
grep -q '^held out' "$work/out" || fail 'no exam in the text'
refuse 'no share' 2 'more than 0%' prune data/mlp.onnx $data --samples 400 \
	--holdout 100% --set '*=40%' -o "$work/none.onnx"

finish
