# espalier scan: CSV and JSON, resuming, shards, GNU parallel.
. tests/cli/lib.sh
data=data/fashion-mnist-sample
export XDG_STATE_HOME="$work/state"

ok json scan data/mlp.onnx $data --amounts 0.5,90% --json
keys json model metric baseline entries layer structure criterion amount value \
	low high samples layers sensitivity cliff whole
same 'points' "$(grep -c '"samples":' "$work/out")" 8
cp "$work/out" "$work/whole.json"
ok csv scan data/mlp.onnx $data --amounts 0.5,0.9
same 'heading' "$(head -1 "$work/out" | cut -d, -f1-8)" \
	layer,structure,criterion,amount,value,low,high,samples
same 'lines' "$(wc -l <"$work/out" | tr -d ' ')" 9
same 'whole' "$(sed -n 2p "$work/out" | cut -d, -f1-4)" \
	'*,weight,magnitude,0.5'
same 'first' "$(sed -n 4p "$work/out" | cut -d, -f1-4)" fc1,weight,magnitude,0.5
cp "$work/out" "$work/whole.csv"

# Every sample: the accuracy that prune finds.
ok 'every sample' scan data/mlp.onnx $data --amounts 90% --layers fc1 \
	--tolerance 0 --json
scanned=$(value value)
ok 'prune finds the same' prune data/mlp.onnx $data --set fc1=90% \
	-o "$work/out.onnx" --json
same 'accuracy' "$scanned" "$(value value)"

# Points of criteria that look at samples are not those of other samples.
keyed() { # ARGS...
	ok "a scan with $*" scan data/mlp.onnx $data --amounts 50% --layers fc1 "$@"
	sed -n '2s/.*,//p' "$work/out"
}
plain=$(keyed)
[ ${#plain} = 16 ] || fail "a key: found '$plain'"
same 'the same samples, the same key' "$(keyed)" "$plain"
[ "$(keyed --train $data)" = "$plain" ] && fail 'other samples: the same key'

for shard in 1 2 3 4; do
	ok "shard $shard" scan data/mlp.onnx $data --amounts 0.5,0.9 \
		--shard $shard/4 --restart
	cp "$work/out" "$work/shard$shard.csv"
done
ok merge scan --merge "$work"/shard[1-4].csv
cmp -s "$work/out" "$work/whole.csv" || fail 'merged shards are not the whole'
ok 'merge to json' scan --merge "$work"/shard*.csv --json
cmp -s "$work/out" "$work/whole.json" || fail 'merged shards: other JSON'

# What GNU parallel's manual says: one job for each shard.
if parallel --version 2>/dev/null | grep -q '^GNU parallel'; then
	rm -r "$XDG_STATE_HOME"
	parallel --will-cite -j 2 "$ESPALIER" scan data/mlp.onnx $data \
		--amounts 0.5,0.9 --threads 1 --shard '{}/3' '>' \
		"$work/parallel{}.csv" ::: 1 2 3 >"$work/out" 2>"$work/err" ||
		fail "parallel: $(cat "$work/err")"
	ok 'merge of parallel' scan --merge "$work"/parallel*.csv
	cmp -s "$work/out" "$work/whole.csv" || fail 'parallel: another result'
else
	echo 'SKIP: GNU parallel is not there'
fi

# Killed in the middle: what was found is not run again.
rm -r "$XDG_STATE_HOME"
"$ESPALIER" scan data/lenet5.onnx $data --tolerance 0 --threads 1 \
	--progress >"$work/out" 2>"$work/killed" &
pid=$!
until grep -qs 'scanning 5 of' "$work/killed" || ! kill -0 $pid; do sleep 0.1; done
kill -KILL $pid
wait $pid 2>/dev/null
[ -s "$work/out" ] && fail 'it was over before it was killed'
"$ESPALIER" scan data/lenet5.onnx $data --tolerance 0 --progress \
	>"$work/out" 2>"$work/resumed"
grep -q 'scanning 4 of .*10 %' "$work/resumed" &&
	fail 'the killed scan began again'
same 'resumed' "$(wc -l <"$work/out" | tr -d ' ')" 51

refuse 'unknown layer' 1 "nosuch" scan data/mlp.onnx $data --layers nosuch
refuse 'amount above 1' 2 "1.5'" scan data/mlp.onnx $data --amounts 0.5,1.5
refuse 'amount below 0' 2 "'-1'" scan data/mlp.onnx $data --amounts=-1
refuse 'whole number' 2 "'50'" scan data/mlp.onnx $data --amounts 50
refuse 'structure' 2 "'cube'" scan data/mlp.onnx $data --structure cube
refuse 'criterion' 2 "'luck'" scan data/mlp.onnx $data --criterion luck
refuse 'shard' 2 "'3/2'" scan data/mlp.onnx $data --shard 3/2
refuse 'no data' 2 'expected MODEL DATA' scan data/mlp.onnx
refuse 'no shard file' 1 "$work/none.csv" scan --merge "$work/none.csv"
ok 'another scan' scan data/mlp.onnx $data --amounts 0.5 --tolerance 3
cp "$work/out" "$work/other.csv"
refuse 'shards of two scans' 1 'other.csv: is scan' scan --merge \
	"$work/whole.csv" "$work/other.csv"
sed 's/,0.5,/,half,/' "$work/whole.csv" >"$work/bad.csv"
refuse 'a bad line' 1 'bad.csv:2: amount' scan --merge "$work/bad.csv"
finish
