#!/bin/sh
# run.sh LOGS TEST...: runs tests, as many at a time as there are processors,
# and counts them. LOGS/TEST.log holds what a test said; it is shown where the
# test failed. A fuzz target gets its corpus. AT_ONCE=1 runs them in turn.
if [ "$1" = --one ]; then
	logs=$2 t=$3 log=$2/${3#"$2"/}.log
	mkdir -p "${log%/*}"
	began=$(date +%s)
	case $t in
	*.sh) sh "$t" >"$log" 2>&1 ;;
	*/fuzz_*) "$t" "tests/fuzz/corpus/${t##*/fuzz_}"/* >"$log" 2>&1 ;;
	*) "$t" >"$log" 2>&1 ;;
	esac
	bad=$?
	spent=$(($(date +%s) - began))
	[ $spent -lt 10 ] && spent= || spent=" ($spent s)"
	# One write for each test, so that two never mix their lines. What a
	# test said is no result: those are counted apart.
	if [ $bad = 0 ]; then
		echo "$t" >>"$logs/passed"
		printf '  ok    %s\n' "$t$spent"
	else
		printf '%s\n  FAIL  %s\n' "$(cat "$log")" "$t$spent"
	fi
	exit 0
fi

logs=$1
shift
if [ $# = 0 ]; then
	echo 'run.sh: no test of that name' >&2
	exit 1
fi
mkdir -p "$logs"
: >"$logs/passed"
printf '%s\n' "$@" |
	xargs -P "${AT_ONCE:-$(nproc 2>/dev/null || echo 1)}" -n 1 sh "$0" --one "$logs"
good=$(wc -l <"$logs/passed") bad=$(($# - good))
echo "$good passed, $bad failed"
test $bad = 0
