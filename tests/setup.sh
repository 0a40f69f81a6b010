#!/bin/sh
# Installs what a build is missing. usage: setup.sh run|check
#
# Each row: who needs it, the Debian package, and a probe: h:HEADER,
# f:FILE or x:PROGRAM. Nothing is called when every probe succeeds. Where
# there is no apt-get the missing packages are named and the exit is 1.
CC=${CC:-cc}
rows='
run    libdnnl-dev           h:dnnl.h
run    libonnx-dev           f:/usr/include/onnx/onnx.proto
run    protobuf-c-compiler   x:protoc-c
run    libprotobuf-c-dev     h:protobuf-c/protobuf-c.h
run    libgsl-dev            h:gsl/gsl_version.h
run    libncurses-dev        h:curses.h
run    libcjson-dev          h:cjson/cJSON.h
run    zlib1g-dev            h:zlib.h
run    libpng-dev            h:png.h
run    libturbojpeg0-dev     h:turbojpeg.h
run    dataset-fashion-mnist f:/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz
check  libcmocka-dev         h:cmocka.h
check  libvterm-dev          h:vterm.h
check  clang-format          x:clang-format
'

have() { # probe
	case $1 in
	h:*) printf '#include <stdarg.h>\n#include <stddef.h>\n#include <setjmp.h>\n#include <stdint.h>\n#include <%s>\n' "${1#h:}" |
		$CC -E -x c - >/dev/null 2>&1 ;;
	f:*) [ -e "${1#f:}" ] ;;
	x:*) command -v "${1#x:}" >/dev/null 2>&1 ;;
	esac
}

missing=
while read -r who package probe; do
	case "$1 $who" in
	'run run' | 'check run' | 'check check') have "$probe" || missing="$missing $package" ;;
	esac
done <<EOF
$rows
EOF
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
	echo "missing:$missing (Debian's names; please install them)" >&2
	exit 1
fi
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
if [ -n "$as_root" ] && ! command -v sudo >/dev/null 2>&1; then
	echo "missing:$missing (no sudo here: please install them as root)" >&2
	exit 1
fi
echo "  APT  $missing" >&2
# The package lists may be old or absent: try without, then refresh.
install() {
	$as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends $missing >&2
}
{ install >/dev/null 2>&1 || { $as_root apt-get update -qq >&2 && install; }; }
