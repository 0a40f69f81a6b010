#!/bin/sh
# Checks every #include "folder/..." against src/layers, where `a: b c` says
# that folder a may include from folders b and c (and from itself). Files of
# the top-level folder ui/ include their own headers without a folder.
grep -Hn '^#include "' src/*/*.[ch] ui/*.[ch] 2>/dev/null | awk -F: '
	BEGIN {
		while ((getline line < "src/layers") > 0) {
			split(line, p, ":"); may[p[1]] = " " p[2] " "
		}
	}
	{
		n = split($1, d, "/"); from = d[n - 1]
		match($0, /"[^"]*"/); to = substr($0, RSTART + 1, RLENGTH - 2)
		if (to ~ /pb-c\.h$/) {
			if (from != "onnx") {
				print $1 ":" $2 ": only onnx may see protobuf"; bad = 1
			}
			next
		}
		if (to !~ /\//) {
			if (from == "ui") next
			print $1 ":" $2 ": include by folder, not \"" to "\""; bad = 1
			next
		}
		sub("/.*", "", to)
		if (!(from in may)) {
			print $1 ": folder " from " is not in src/layers"; bad = 1
		} else if (to != from && index(may[from], " " to " ") == 0) {
			print $1 ":" $2 ": " from " must not include " to; bad = 1
		}
	}
	END { exit bad }' || exit 1

# Only these places may see the libraries behind them.
only() { # pattern, allowed files (extended regular expression), what it is
	if grep -ln "$1" src/*/*.[ch] ui/*.[ch] tests/*/*.[ch] 2>/dev/null |
		grep -Ev "$2"; then
		echo "only $2 may include $3"
		exit 1
	fi
}
only '^#include <dnnl' '^src/kernel/onednn' 'oneDNN'
only '^#include <n\{0,1\}curses' '^ui/term\.c$' 'curses'
only '^#include <pthread.h>' '^src/(base/thread|engine/)' 'pthread.h'

# What lies at the top, of what is committed.
git ls-files 2>/dev/null | cut -d/ -f1 | sort -u | grep -v '^\.' |
	grep -vxE 'Makefile|src|ui|data|tests|man|README.md|LICENSE' |
	sed 's/$/: has a room in src, ui, data, tests or man/' | grep . && exit 1
exit 0
