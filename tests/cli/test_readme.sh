#!/bin/sh
# Runs the commands that README.md shows, on the bundled model and sample.
. tests/cli/lib.sh

grep '^    espalier [a-z]*  *[a-zA-Z]' README.md | sed 's/^    //' >"$work/lines"
count=0
while read -r line; do
	case $line in
	'espalier replay'*) continue ;; # test_replay.sh makes journals
	'espalier model.onnx'*) continue ;; # the explorer: tests/screens
	'espalier profile'*) continue ;; # test_profile.sh takes a brief one
	esac
	command=$(printf '%s\n' "$line" | sed \
		-e "s#^espalier#\"$ESPALIER\"#" \
		-e 's#model\.onnx#data/resnet20-bn.onnx#' \
		-e "s#pruned\.onnx#$work/pruned.onnx#" \
		-e "s#tuned\.onnx#$work/tuned.onnx#; s#plan\.recipe#$work/plan.recipe#" \
		-e 's# data/ # data/fashion-mnist-sample #; s# data/$# data/fashion-mnist-sample#' \
		-e 's#my\.recipe#data/resnet20.recipe#')
	# Few samples: whether the commands work is asked, not what they find.
	case $line in
	'espalier tune'*) command="$command --samples 200 --epochs 0.1" ;;
	*data/*) command=$(printf '%s\n' "$command" |
		sed 's# data/fashion-mnist-sample# & --samples 200#') ;;
	esac
	# A latency depends on the machine, and mixing structures takes minutes;
	# test_plan.sh has both.
	case $line in
	'espalier plan'*)
		command=$(printf '%s\n' "$command" | sed 's#latency#macs#') ;;
	esac
	sh -c "$command" >"$work/out" 2>"$work/err" ||
		fail "$line: $(cat "$work/err")"
	[ -s "$work/out" ] || fail "$line: printed nothing"
	count=$((count + 1))
done <"$work/lines"
[ $count -ge 6 ] || fail "README shows $count commands, expected 6 at least"

# The two commands exist.
for target in run check; do
	grep -q "make $target" README.md || fail "README: no make $target"
	make -n "$target" >/dev/null 2>&1 || fail "make $target: no such rule"
done

finish
