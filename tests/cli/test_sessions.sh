# espalier sessions: what the explorer keeps is listed, and deleted when told.
. tests/cli/lib.sh
export XDG_STATE_HOME=$work/state
folder=$XDG_STATE_HOME/espalier

ok 'none yet' sessions
same 'none yet' "$(cat "$work/out")" '0 sessions, 0 B'

mkdir -p "$folder/scans"
journal() { # NAME MODEL
	cat >"$folder/$1.session" <<END
session 1
model "$2" 0000000000000000
samples 0
seed 0
set fc1 85%
undo
close
END
}
journal one data/mlp.onnx
journal one-more data/gone.onnx
for name in one-0123456789abcdef.npz one-tune.npz one-tune.npz.a1B2c3 \
	one-figures.txt one-more-tune.npz lost-tune.npz notes.npz one-notes.npz; do
	head -c 1000 /dev/zero >"$folder/$name"
done
touch -d '3 hours ago' "$folder"/one[-.]*
touch -d '2 days ago' "$folder"/one-more* "$folder"/lost*

ok listed sessions
for line in \
	"^3 h *4.09 kB *2 *mlp.onnx *tune to resume, 1.00 kB *$folder/one.session" \
	"^2 d *1.09 kB *2 *gone.onnx *model is gone, tune to resume.*one-more.sess" \
	"^2 d *1.00 kB *0 *- *no journal, tune to resume.*lost.session" \
	"^3 sessions, 6.18 kB"; do
	grep -q "$line" "$work/out" || fail "no '$line' in $(cat "$work/out")"
done
ok json sessions --json
keys sessions session model model_exists edits age_s size_bytes tune_bytes \
	running

refuse 'a model is no session' 2 "expected NAME.session" \
	sessions --remove data/mlp.onnx
refuse 'what is not there' 1 'there is no such session' \
	sessions --remove "$folder/two.session"
refuse 'which?' 2 'needs the sessions' sessions --remove
refuse 'without --remove' 2 "expected nothing or --remove" \
	sessions "$folder/one.session"
(
	flock 9
	run sessions --remove "$folder/one.session"
	same 'one that runs' $status 1
	grep -q 'still running' "$work/err" || fail "running: $(cat "$work/err")"
	run sessions
	grep -q ' running, tune to resume' "$work/out" || fail 'none runs'
	exit $bad
) 9>>"$folder/one.session" || bad=1
ok removed sessions --remove "$folder/one.session" "$folder/lost.session"
same 'files that stay' "$(ls "$folder" | tr '\n' ' ')" \
	'notes.npz one-more-tune.npz one-more.session one-notes.npz scans '
finish
