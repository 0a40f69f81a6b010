# espalier replay: a journal runs again without a screen and is not changed.
. tests/cli/lib.sh
here=$(pwd)
journal=$work/a.session

write() { # hash
	cat >"$journal" <<END
session 1
model "$here/data/mlp.onnx" $1
data "$here/data/fashion-mnist-sample" split test
samples 0
seed 0
preprocess scale 255 mean 0.286 std 0.353 name "fashion-mnist"
set fc1 85%
set fc1 +5%
set fc2 50%
undo
END
}

write 0000000000000000
refuse 'another model' 1 'has changed' replay "$journal"
write "$(sed 's/.*content \([0-9a-f]*\),.*/\1/' "$work/err")"
before=$(cksum <"$journal")
ok replay replay "$journal" --json
keys replay session model data sparsity parameters_before parameters_after \
	value low high latency_ms
same 'the undone edit is not in it' \
	$(($(value parameters_before) - $(value parameters_after))) 211680
replayed=$(value value)
ok text replay "$journal"
grep -q '^variant ' "$work/out" || fail 'text: no variant'
same 'the journal stays as it is' "$(cksum <"$journal")" "$before"
ok 'the same by prune' prune data/mlp.onnx data/fashion-mnist-sample \
	--set fc1=90% -o "$work/out.onnx" --json
same 'accuracy' "$(value value)" "$replayed"

printf 'set fc3 5' >>"$journal" # a torn last line
ok 'a torn last line is dropped' replay "$journal" --json
same 'accuracy without the torn line' "$(value value)" "$replayed"
# A plan whose checkpoint is gone is made again from the decisions it found,
# whatever the session had chosen for new ones.
{
	sed '/^set/,$d' "$journal"
	printf '%s\n' 'set fc1 85%' 'criterion random' \
		'adopt 1 gone.npz reset; set fc1 50%; set fc2 30%; reconstruct'
} >"$work/b.session"
ok 'a plan without its checkpoint' replay "$work/b.session" --json
replayed=$(value value)
printf '%s\n' 'set fc1 50%' 'set fc2 30%' reconstruct >"$work/plan.recipe"
ok 'the same by a recipe' prune data/mlp.onnx data/fashion-mnist-sample \
	--recipe "$work/plan.recipe" -o "$work/out.onnx" --json
same 'the plan again' "$(value value)" "$replayed"
refuse 'no journal' 1 'none.session' replay "$work/none.session"
refuse 'not a journal' 1 'mlp.onnx' replay data/mlp.onnx
finish
