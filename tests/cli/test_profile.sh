# espalier profile: measured here, used with --device; what is no profile.
. tests/cli/lib.sh
data=data/fashion-mnist-sample
export XDG_STATE_HOME="$work/state"
profile=$work/device.json

ok profile profile --brief --name 'Test Board 4' -o "$profile" --json
keys profile output version name cpu isa dense threads bytes_per_s points \
	classes class error
same 'name' "$(value name)" '"Test Board 4"'
same 'threads' "$(value threads)" 1
[ -s "$profile" ] || fail 'no profile was written'
ok 'the same for people' profile --brief
grep -q '^conv 3x3 dense ' "$work/out" || fail 'no table of classes'

ok 'inspect' inspect data/lenet5.onnx --device "$profile" --json
keys inspect latency_ms latency_predicted device energy joules measured
same 'predicted' "$(value latency_predicted)" true
same 'device' "$(value device)" '"Test Board 4"'
ok 'inspect without' inspect data/lenet5.onnx --json
grep -q latency_ms "$work/out" && fail 'inspect: a latency out of nothing'
ok 'eval' eval data/lenet5.onnx $data --device "$profile"
grep -q 'on Test Board 4, predicted' "$work/out" || fail 'eval: no device'
ok 'prune' prune data/lenet5.onnx $data --set '*=90%' -o "$work/out.onnx" \
	--report --device "$profile" --json
same 'prune: device' "$(value device)" '"Test Board 4"'
grep -q 'on Test Board 4, predicted' "$work/out.md" ||
	fail 'the report does not say whose latency it is'
# A profile taken beside other work may say that nothing can be gained.
run plan data/mlp.onnx $data --budget latency=90% --device "$profile" \
	-o "$work/plan.recipe" --json
if [ $status = 0 ]; then
	same 'plan: device' "$(value device)" '"Test Board 4"'
else
	grep -q 'latency 90% cannot be met\|allowed are 90.0 %$' "$work/err" ||
		fail "plan: status $status: $(cat "$work/err")"
fi

refuse 'no such file' 1 '/no/such/file' inspect data/lenet5.onnx \
	--device /no/such/file
refuse 'no profile' 1 'no device profile' inspect data/lenet5.onnx \
	--device README.md
sed 's/"version": 1/"version": 7/' "$profile" >"$work/newer.json"
refuse 'another version' 1 'version 7, expected 1' inspect data/lenet5.onnx \
	--device "$work/newer.json"
refuse 'an argument' 2 'found 1 argument, expected none' profile here
finish
