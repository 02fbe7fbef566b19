# SPDX-License-Identifier: Apache-2.0
# A thin front of meson. `make demo` and `make check` do all their own set-up.
BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
KEYS    ?= vault
SECONDS ?= 60
COUNT   ?= 1000000
RELEASES ?= 2000

.PHONY: all setup build demo check check-fast bench fuzz mutations differential endure install format clean

all: build

# Installs what building, testing and benchmarks need (apt and pip). Does nothing where all is there.
setup:
	@packaging/setup.sh

$(BUILD)/build.ninja:
	@meson setup $(BUILD) >/dev/null

build: $(BUILD)/build.ninja
	@ninja -C $(BUILD) --quiet

demo: setup build
	@BUILD=$(abspath $(BUILD)) KEYS=$(KEYS) KEEP=$(KEEP) demo/run

# Everything: a -Werror build, unit, replay, layers, headers, system tests, and the same under ASan+UBSan.
check: setup
	@tests/run

# The tests that need no started service, in seconds.
check-fast: build
	@meson test -C $(BUILD) --suite unit --suite replay --suite layers --suite headers --print-errorlogs

# make bench ONLY=verify|handshake|release|attest
bench: setup
	@bench/run $(ONLY)

# make mutations COUNT=n: changed vectors under sanitizers; none may crash, none may be believed.
mutations: setup
	@tests/mutate/run $(COUNT)

# make differential: one corpus through Warder and dcap-qvl; what docs/verification-differences.md does not explain fails.
differential: setup build
	@WARDER_BUILD=$(abspath $(BUILD)) .cache/venv/bin/python tests/differential/gate.py

# make endure RELEASES=n: so many with each key manager, while its server, kbsd and keyd are killed at random (ENDURE_SEED: again so).
endure: setup build
	@ENDURE_RELEASES=$(RELEASES) WARDER_BUILD=$(abspath $(BUILD)) .cache/venv/bin/python -m pytest -q -s tests/system/test_endurance.py

# make fuzz SECONDS=n: each target for n seconds.
fuzz: setup
	@tests/fuzz/run $(SECONDS)

install: build
	@DESTDIR=$(DESTDIR) packaging/install.sh $(BUILD) $(PREFIX)

clean:
	@rm -rf build build-*
