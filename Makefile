# espalier - build rules. `make help` lists every target; every knob is below.
# Names: PREFIX, DESTDIR, CC, CFLAGS, LDFLAGS and V follow the usual meaning.

NAME     := espalier
VERSION  := 0.1.0

PREFIX   ?= /usr/local
BINDIR   ?= $(PREFIX)/bin
MANDIR   ?= $(PREFIX)/share/man
DATADIR  ?= $(PREFIX)/share/$(NAME)
INSTALL  ?= install
SANITIZE ?=#            address | undefined | thread, comma separated
DEBUG    ?=#            1: -O1 with asserts
T        ?=#            make check T="error op" runs only tests/unit/test_error.c, test_op.c
FUZZTIME ?= 30#         seconds a fuzz target runs
ONNX_TESTS ?= /usr/share/libonnx-testdata/data
ONNX_PROTO ?= /usr/include/onnx/onnx.proto

# One build directory for each kind of build, so kinds never mix.
comma    := ,
VARIANT  := $(or $(subst $(comma),-,$(SANITIZE)),$(if $(DEBUG),debug,release))
B        := build/$(VARIANT)

STD      := -std=c11 -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -D_XOPEN_SOURCE=700
WARN     := -Wall -Wextra -Wshadow -Wvla -Wundef -Wpointer-arith \
            -Wwrite-strings -Wstrict-prototypes -Wmissing-prototypes \
            -Wold-style-definition -Wformat=2 -Wcast-qual $(if $(WERROR),-Werror)
# Names and lines are all that a sanitizer reports; more debugging information
# takes a third of the time to compile.
CFLAGS   ?= $(if $(SANITIZE)$(DEBUG),-O1 $(if $(SANITIZE),-g1,-g3) -fno-omit-frame-pointer,-O2 -g -DNDEBUG)
SANFLAGS := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all)
COMMIT   := $(shell git describe --always --dirty 2>/dev/null)
ALL_CFLAGS = $(STD) $(WARN) -Isrc -Iui -Itests -Ibuild/gen $(CFLAGS) $(SANFLAGS) -pthread
ALL_LDFLAGS = $(LDFLAGS) $(SANFLAGS) -pthread
LIBS     ?= -ldnnl -lprotobuf-c -lgsl -lgslcblas -lcjson -lz -lpng -lturbojpeg -lgomp -lm
UI_LIBS  ?= -lncursesw -ltinfo

# Files: a folder's .c files are found, never listed.
SRC      := $(sort $(wildcard src/*/*.c))
UI       := $(sort $(wildcard ui/*.c))
MAIN     := $(wildcard src/main.c)
UNIT     := $(sort $(wildcard tests/unit/test_*.c))
SCREENS  := $(sort $(wildcard tests/screens/test_*.c))
CLI      := $(sort $(wildcard tests/cli/test_*.sh))
BENCH    := $(sort $(wildcard tests/bench/bench_*.c))
FUZZ     := $(sort $(wildcard tests/fuzz/fuzz_*.c))
HDR      := $(sort $(wildcard src/*/*.h ui/*.h tests/*/*.h))
MAN      := $(sort $(wildcard man/*.[1-9]))
SUPPORT  := $(filter-out $(UNIT) $(SCREENS) $(BENCH) $(FUZZ),\
              $(sort $(wildcard tests/unit/*.c tests/screens/*.c tests/fuzz/*.c)))
ALL_C    := $(SRC) $(UI) $(MAIN) $(UNIT) $(SCREENS) $(BENCH) $(FUZZ) $(SUPPORT) $(wildcard tests/conformance/*.c) src/profile.c

obj       = $(patsubst %.c,$(B)/%.o,$(1))
PB_C     := build/gen/onnx.pb-c.c
PB_H     := build/gen/onnx.pb-c.h
LIB      := $(B)/lib$(NAME).a
UI_LIB   := $(B)/lib$(NAME)-ui.a
BIN      := $(B)/$(NAME)
UNIT_BIN := $(patsubst %.c,$(B)/%,$(UNIT))
SCREEN_BIN := $(patsubst %.c,$(B)/%,$(SCREENS))
BENCH_BIN:= $(patsubst %.c,$(B)/%,$(BENCH))
REPLAY   := $(patsubst %.c,$(B)/%,$(FUZZ))

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

# Inner makes use every processor unless the user said -j already.
PARALLEL = --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc 2>/dev/null || echo 1))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all run check check-run check-peers check-zoo check-step check-shrink check-neon profile bench bench-peers bench-table bench-tune bench-plan bench-scan fuzz lint format install uninstall clean help compdb FORCE

all: $(BIN)  ## build the program (default)
	$(Q)cp $(BIN) $(NAME)

run:  ## install what is missing, build, open the explorer on the bundled example
	$(Q)sh tests/setup.sh run
	$(Q)$(MAKE) $(PARALLEL) all
	$(Q)sh data/example.sh ./$(NAME)

# The instruction set of a kernel file is the end of its name; nothing else
# in the program is compiled for more than the baseline.
# Unrolled kernels under both sanitizers take minutes to compile: they keep
# the one for addresses.
HOT      := $(if $(SANITIZE),-O1 -fno-sanitize=undefined,-O3)
%_avx2.o:   ISA := $(HOT) -mavx2 -mfma
%_avx512.o: ISA := $(HOT) -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma
%_scalar.o: ISA := $(HOT)
# The one file with an OpenMP region (oneDNN brings the library anyway).
%/exec/parallel.o: ISA := -fopenmp

# Rewritten only when the flags change; every object depends on it.
$(B)/flags: FORCE
	@mkdir -p $(@D); echo '$(CC) $(ALL_CFLAGS)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS)' > $@

build/gen/version.h: FORCE
	@mkdir -p $(@D); printf '#define VERSION "%s"\n#define COMMIT "%s"\n#define DATA_DIRECTORY "%s"\n' \
	  '$(VERSION)' '$(COMMIT)' '$(DATADIR)' > $@.new; cmp -s $@.new $@ || cp $@.new $@; rm -f $@.new

# The schema is the system's, the code is made from it: nothing generated is kept in git.
$(PB_C) $(PB_H) &: $(ONNX_PROTO)
	@mkdir -p build/gen
	$(call say,GEN,$(PB_C))
	$(Q)protoc-c --c_out=build/gen -I$(dir $(ONNX_PROTO)) $(ONNX_PROTO)

$(B)/onnx.pb-c.o: $(PB_C) $(B)/flags
	$(call say,CC,$<)
	$(Q)$(CC) -std=c11 -O2 -g $(SANFLAGS) -Ibuild/gen -c -o $@ $<

$(B)/%.o: %.c $(B)/flags | $(PB_H) build/gen/version.h
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $(ISA) -MMD -MP -c -o $@ $<

$(LIB): $(call obj,$(SRC)) $(B)/onnx.pb-c.o
	$(call say,AR,$@)
	$(Q)rm -f $@; $(AR) rcs $@ $^

$(UI_LIB): $(call obj,$(UI))
	$(call say,AR,$@)
	$(Q)rm -f $@; $(AR) rcs $@ $^

$(BIN): $(call obj,$(MAIN)) $(UI_LIB) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) $(UI_LIBS) $(LIBS)

$(B)/tests/unit/%: $(B)/tests/unit/%.o $(call obj,$(filter tests/unit/%,$(SUPPORT))) $(UI_LIB) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) -lcmocka $(UI_LIBS) $(LIBS)

$(B)/tests/screens/%: $(B)/tests/screens/%.o $(call obj,$(filter tests/screens/%,$(SUPPORT))) $(UI_LIB) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) -lcmocka -lvterm $(UI_LIBS) $(LIBS)

$(B)/tests/bench/%: $(B)/tests/bench/%.o $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) $(LIBS)

# This one drives the program itself.
$(B)/tests/bench/bench_keys: $(B)/tests/bench/bench_keys.o $(B)/tests/screens/terminal.o $(LIB) | $(BIN)
	$(call say,LD,$@)
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) -lcmocka -lvterm $(LIBS)

# gcc has no fuzzing engine: the same target linked to replay.c runs a corpus.
$(B)/tests/fuzz/%: $(B)/tests/fuzz/%.o $(B)/tests/fuzz/replay.o $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) $(LIBS)

WANTED   := $(if $(T),$(filter $(addprefix %/test_,$(T)),$(UNIT_BIN) $(SCREEN_BIN)),$(UNIT_BIN) $(SCREEN_BIN))
WANTED_CLI := $(if $(T),$(filter $(addsuffix .sh,$(addprefix %/test_,$(T))),$(CLI)),$(CLI))

check:  ## install what is missing, run tests and lint; T='name other' runs those
	$(Q)CC='$(CC)' sh tests/setup.sh check
	$(Q)$(MAKE) $(PARALLEL) check-run

check-run: $(WANTED) $(if $(T),,$(REPLAY) lint) $(if $(T)$(SANITIZE),,$(BENCH_BIN)) $(if $(MAIN),$(BIN))
	$(Q)cp $(BIN) $(NAME) 2>/dev/null || true
	$(Q)ESPALIER=$(CURDIR)/$(BIN) sh tests/run.sh $(B) $(WANTED) $(WANTED_CLI) $(if $(T),,$(REPLAY))

bench: $(BENCH_BIN)  ## run benchmarks, write build/bench.csv
	$(Q)for b in $(filter-out %_distance,$(BENCH_BIN)); do $$b || exit 1; done | tee build/bench.csv

check-peers: all  ## ask ONNX Runtime (from npm) whether exported models answer the same
	$(Q)sh tests/peers/check.sh ./$(NAME)

check-zoo: all  ## ask PyTorch (Debian's) whether known networks answer the same; NAMES="resnet18 bert" or more
	$(Q)sh tests/zoo/check.sh ./$(NAME) $(NAMES)

check-step: all  ## ask PyTorch whether a step of training moves known networks alike; NAMES="swin_t bert"
	$(Q)SCRIPT=step.py sh tests/zoo/check.sh ./$(NAME) $(NAMES)

check-shrink: all  ## prune known networks for real, ask onnx and ONNX Runtime; NAMES="swin_t" or more
	$(Q)sh tests/zoo/shrink.sh ./$(NAME) $(NAMES)

# The kernel layer on a processor that qemu imitates; nothing else is needed there.
CROSS      ?= aarch64-linux-gnu-
QEMU       ?= qemu-aarch64
NEON_TESTS := layout reference dense sparse
NEON_SRC   := $(filter-out src/kernel/onednn%,$(wildcard src/kernel/*.c)) \
              $(addprefix src/base/,cpu.c error.c rng.c) tests/unit/sparse_fixture.c
NEON_OBJ   := $(patsubst %.c,build/neon/%.o,$(NEON_SRC))

build/neon/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CROSS,$<)
	$(Q)$(CROSS)gcc $(STD) $(WARN) -O2 -g $(if $(findstring _neon.c,$<),-O3) -Itests/neon -Isrc -Itests -MMD -MP -c -o $@ $<

build/neon/test_%: build/neon/tests/unit/test_%.o $(NEON_OBJ)
	$(Q)$(CROSS)gcc -static -o $@ $^ -lm

check-neon: $(addprefix build/neon/test_,$(NEON_TESTS))  ## run kernel tests for AArch64 (Debian: gcc-aarch64-linux-gnu, qemu-user)
	$(Q)for t in $^; do echo "$$t"; $(QEMU) $$t || exit 1; done

# The smallest program that measures a device: our kernels, no library, static.
# CC=aarch64-linux-gnu-gcc makes one for a Raspberry Pi.
P           := build/profile-$(shell $(CC) -dumpmachine)
PROFILE_SRC := src/profile.c src/measure/survey.c src/measure/device_write.c \
               $(filter-out src/kernel/onednn%,$(wildcard src/kernel/*.c)) \
               $(addprefix src/base/,array.c clock.c cpu.c error.c file.c rng.c strbuf.c)

$(P)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(STD) $(WARN) -O2 $(if $(findstring _neon.c,$<),-O3) $(if $(findstring x86_64,$(P)),$(ISA)) -Isrc -MMD -MP -c -o $@ $<

profile: $(patsubst %.c,$(P)/%.o,$(PROFILE_SRC))  ## build espalier-profile alone, static; CC=aarch64-linux-gnu-gcc for ARM
	$(call say,LD,$(P)/espalier-profile)
	$(Q)$(CC) -static -pthread -o $(P)/espalier-profile $^ -lm

CONFORMANCE := $(B)/tests/conformance/conformance
$(CONFORMANCE): $(CONFORMANCE).o $(B)/tests/unit/op_run.o $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) -o $@ $^ $(ALL_LDFLAGS) $(LIBS)

conformance: $(CONFORMANCE)  ## run ONNX's own operator tests of ONNX_TESTS (Debian: libonnx-testdata)
	$(Q)$< $(if $(V),-v) $(wildcard $(addprefix $(ONNX_TESTS)/,node simple pytorch-operator pytorch-converted))

bench-table:  ## put the rows of the last bench-peers into README.md and tests/bench/history.csv
	$(Q)node tests/peers/table.cjs build/peers/rows.csv README.md tests/bench/history.csv \
	  "$$(git describe --always)" "$$(lscpu | sed -n 's/^Model name: *//p'), $$(nproc) cores" \
	  "$$(./$(NAME) --version | grep -o 'avx512\|avx2\|scalar' | head -1)"

bench-peers: all $(B)/tests/bench/bench_distance  ## latency beside ONNX Runtime's (npm) and PyTorch's (Debian), in turn; NAMES="vit vgg", ROUNDS=5
	$(Q)DISTANCE=$(B)/tests/bench/bench_distance sh tests/peers/bench.sh ./$(NAME) $(NAMES)

bench-tune: all  ## accuracy after tuning, three seeds each; NAMES="weights80 mlp92"
	$(Q)sh tests/bench/tune.sh ./$(NAME) $(NAMES)

bench-plan: all  ## points lost at half the latency by one method and by the mix, some ten minutes
	$(Q)sh tests/bench/plan.sh ./$(NAME)

bench-scan: all  ## a sensitivity scan beside PyTorch (Debian's) evaluating each point in full
	$(Q)sh tests/peers/scan.sh ./$(NAME) $(FOLDER)

fuzz: $(PB_H)  ## fuzz every target with clang's libFuzzer for FUZZTIME seconds
	$(Q)mkdir -p build/fuzz; for f in $(basename $(notdir $(FUZZ))); do \
	  c=tests/fuzz/corpus/$${f#fuzz_}; mkdir -p $$c; \
	  clang $(STD) -g -O1 -Isrc -Ibuild/gen -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma \
	    -fsanitize=fuzzer,address,undefined \
	    $(SRC) $(PB_C) tests/fuzz/$$f.c -o build/fuzz/$$f $(LIBS) && \
	  build/fuzz/$$f -max_total_time=$(FUZZTIME) $$c || exit 1; done

lint: | $(PB_H) build/gen/version.h  ## check format, layers, file length, banned functions, headers alone
	$(Q)if clang-format --version | grep -q 'version 14'; then clang-format --dry-run -Werror $(ALL_C) $(HDR); \
	  else echo '  SKIP  format: clang-format 14 is the one that counts'; fi
	$(Q)sh tests/lint/layers.sh
	$(Q)sh tests/lint/banned.sh
	$(Q)awk 'FNR == 601 { print FILENAME ": longer than 600 lines"; bad = 1 } END { exit bad }' $(ALL_C) $(HDR)
	$(Q)for h in $(HDR); do echo "#include \"$$h\"" | $(CC) $(STD) -I. -Isrc -Iui -Itests -Ibuild/gen -fsyntax-only -x c - || exit 1; done

format:  ## rewrite sources in the house format
	$(Q)clang-format -i $(ALL_C) $(HDR)

compdb:  ## write compile_commands.json for editors
	@{ echo '['; for c in $(ALL_C); do printf '{"directory":"$(CURDIR)","file":"%s","command":"%s"},\n' \
	  $$c '$(CC) $(subst ",\\\",$(ALL_CFLAGS)) -c '$$c; done | sed '$$s/,$$//'; echo ']'; } > compile_commands.json

install: all  ## copy to DESTDIR and PREFIX
	$(Q)$(INSTALL) -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(DATADIR)
	$(Q)$(INSTALL) -m 755 $(BIN) $(DESTDIR)$(BINDIR)/$(NAME)
	$(Q)cp -r data/. $(DESTDIR)$(DATADIR)/
	$(Q)for m in $(MAN); do $(INSTALL) -m 644 $$m $(DESTDIR)$(MANDIR)/man$${m##*.}/; done

uninstall:  ## remove what install copied
	$(Q)rm -rf $(DESTDIR)$(BINDIR)/$(NAME) $(DESTDIR)$(DATADIR)
	$(Q)for m in $(MAN); do rm -f $(DESTDIR)$(MANDIR)/man$${m##*.}/$${m##*/}; done

clean:  ## remove build/
	$(Q)rm -rf build $(NAME) compile_commands.json

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
	@echo '  knobs: PREFIX DESTDIR SANITIZE=address,undefined|thread DEBUG=1 V=1 T=name FUZZTIME=s'

-include $(patsubst %.c,$(B)/%.d,$(ALL_C))
-include $(patsubst %.o,%.d,$(NEON_OBJ)) $(NEON_TESTS:%=build/neon/tests/unit/test_%.d)
