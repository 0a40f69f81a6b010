# Helpers of the command line's tests; sourced. ESPALIER is the program.
: "${ESPALIER:?path of the program}"
work=$(mktemp -d) || exit 1
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
bad=0

fail() { # what
	echo "FAIL: $*"
	bad=1
}

# Runs the program: output in $work/out, errors in $work/err, status in $status.
run() {
	"$ESPALIER" "$@" >"$work/out" 2>"$work/err"
	status=$?
}

# ok NAME ARGS...: ends with 0 and says nothing on standard error.
ok() {
	name=$1
	shift
	run "$@"
	[ $status = 0 ] || fail "$name: status $status: $(cat "$work/err")"
	[ -s "$work/err" ] && fail "$name: standard error: $(cat "$work/err")"
}

# refuse NAME STATUS PATTERN ARGS...: ends with STATUS, one line on standard
# error that begins "espalier: " and holds PATTERN, nothing on standard output.
refuse() {
	name=$1 want=$2 pattern=$3
	shift 3
	run "$@"
	[ $status = "$want" ] || fail "$name: status $status, expected $want"
	[ -s "$work/out" ] && fail "$name: standard output: $(head -c 200 "$work/out")"
	[ "$(wc -l <"$work/err")" = 1 ] ||
		fail "$name: expected one line: $(cat "$work/err")"
	grep -q '^espalier: ' "$work/err" ||
		fail "$name: no program name: $(cat "$work/err")"
	grep -q -- "$pattern" "$work/err" ||
		fail "$name: expected '$pattern': $(cat "$work/err")"
}

# keys NAME KEY...: the JSON document on standard output has these keys.
keys() {
	name=$1
	shift
	for key; do
		grep -q "\"$key\":" "$work/out" || fail "$name: no key '$key'"
	done
}

# value KEY: the first value of that key on standard output.
value() {
	sed -n "s/^[[:space:]]*\"$1\":[[:space:]]*//p" "$work/out" |
		sed -n '1s/,$//p'
}

# same NAME FOUND EXPECTED
same() {
	[ "$2" = "$3" ] || fail "$1: found '$2', expected '$3'"
}

finish() {
	exit $bad
}
