#!/bin/sh
# Functions that this house does not use: unbounded string copies, locale-
# dependent number parsing without an end pointer, and exits inside the library.
bad=0
if grep -nE '(^|[^a-zA-Z0-9_])(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atof|atol|alloca|system)\(' \
	src/*/*.c src/*/*.h src/main.c src/profile.c ui/*.c ui/*.h; then
	echo 'banned function'; bad=1
fi
if grep -nE '(^|[^a-zA-Z0-9_>.])(exit|abort)\(' src/*/*.c; then
	echo 'library code never exits'; bad=1
fi
if grep -nE '(^|[^a-zA-Z0-9_])(printf|puts|putchar|perror)\(' src/*/*.c |
	grep -v '^src/cli/'; then
	echo 'only cli and ui write to the terminal'; bad=1
fi
exit $bad
