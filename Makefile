# The two commands to know: `make demo` and `make test`. `make help` lists the others.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.ONESHELL:
.SILENT:
MAKEFLAGS += --no-print-directory

VENV := .venv
PYTHON_SOURCES := src tests bench tools docs
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
JOBS ?= $(shell nproc)
# Builds with the same flags (release, trace, the wheel, the editable install) share what they compile where ccache is
# there, if they call the compiler by one name. tools/setup.sh says the same.
export CC := $(if $(filter default,$(origin CC)),cc,$(CC))
export CXX := $(if $(filter default,$(origin CXX)),c++,$(CXX))
ifneq ($(shell command -v ccache),)
export CMAKE_C_COMPILER_LAUNCHER ?= ccache
export CMAKE_CXX_COMPILER_LAUNCHER ?= ccache
endif
# Processes that share the C++ tests: more than cores, because some shares take longer.
SHARDS ?= 4
FUZZ_SECONDS ?= 30
# Of make soak: how long, and which build (dev, checked, asan, tsan ...).
SOAK_SECONDS ?= 600
SOAK_PRESET ?= dev
SOAK_ARGS ?=
PYTEST_ARGS ?=
# Built by cpp-test, and tried by a test.
PYTEST := ACCEL_BENCH_PROGRAM=build/checked/bench/native/accel_bench python -m pytest
BENCH_ARGS ?=
# Of make examples: some of c,cpp,go,rust; empty: all whose toolchain is there. And which build's library they get.
LANGUAGES ?=
LIBRARY_PRESET ?= release
BENCH_PYTEST_ARGS ?=

# Set-up runs again when one of the files that describe it has changed.
SETUP_INPUTS := pyproject.toml tools/setup.sh
$(VENV)/.demo $(VENV)/.docs $(VENV)/.test $(VENV)/.ci: $(VENV)/.%: $(SETUP_INPUTS)
	tools/setup.sh $*

.PHONY: help
help: ## list the targets
	sed -n 's/^\([a-z0-9-]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name text; do printf '  make %-15s %s\n' "$$name" "$$text"; done

.PHONY: demo
demo: $(VENV)/.demo ## certificates, a block of 100,000 signed transactions, verified beside OpenSSL and on two devices
	accel demo

.PHONY: test
test: $(VENV)/.test cpp-test ## the C++ tests with invariants checked, then the Python tests
	$(PYTEST) -m "not long" $(PYTEST_ARGS)

.PHONY: test-long
test-long: $(VENV)/.test cpp-test ## the same with the tests that take more than a minute
	$(PYTEST) $(PYTEST_ARGS)

.PHONY: lint
lint: $(VENV)/.test ## formatting, style and types
	ruff check $(wildcard $(PYTHON_SOURCES))
	ruff format --check $(wildcard $(PYTHON_SOURCES))
	mypy
	git ls-files -z -- '*.cpp' '*.hpp' '*.h' '*.c' | xargs -0 clang-format --dry-run -Werror
	! command -v gofmt >/dev/null || [ -z "$$(git ls-files -z -- '*.go' | xargs -0r gofmt -l | tee /dev/stderr)" ]
	! command -v rustfmt >/dev/null || rustfmt --edition 2021 --check $$(git ls-files -- '*.rs')

.PHONY: format
format: $(VENV)/.test ## put formatting right
	ruff check --fix-only $(wildcard $(PYTHON_SOURCES))
	ruff format $(wildcard $(PYTHON_SOURCES))
	git ls-files -z -- '*.cpp' '*.hpp' '*.h' '*.c' | xargs -0 clang-format -i
	! command -v gofmt >/dev/null || git ls-files -z -- '*.go' | xargs -0r gofmt -w
	! command -v rustfmt >/dev/null || rustfmt --edition 2021 $$(git ls-files -- '*.rs')

# $(call build,PRESET[,TARGET]): configure, which takes a second (presets change, and libraries get installed), then
# build what changed.
define build
cmake --preset $(1) --log-level=WARNING >/dev/null
cmake --build build/$(1) -j $(JOBS) $(if $(2),--target $(2))
endef

.PHONY: bench
bench: $(VENV)/.test ## rates of this machine beside every peer that is found; overhead of Python, Go and Rust; scaling over threads
	$(call build,bench,accel_bench accel_verifier_bench)
	build/bench/bench/native/accel_bench $(BENCH_ARGS)
	build/bench/bench/native/accel_verifier_bench
	python bench/overhead.py
	python bench/threads.py
	python bench/verifier.py
	python bench/devices.py
	python bench/consensus.py
	$(call install,release)
	python bench/languages.py build/prefix-release
	python -m pytest bench -q --benchmark-name=short --benchmark-columns=median,min,max,ops $(BENCH_PYTEST_ARGS) && wrong=0 || wrong=$$?
	python bench/summary.py build/bench/bench/native/accel_bench
	exit $$wrong

# What cmake --install takes along.
LIBRARIES := accel accel_static accel_golden accel_golden_static

# $(call install,PRESET): libaccel in build/prefix-PRESET, as programs find it.
define install
$(call build,$(1),$(LIBRARIES))
cmake --install build/$(1) --prefix build/prefix-$(1) >/dev/null
endef

.PHONY: example-hardware
example-hardware: $(VENV)/.test ## the example driver under the conformance suite, the example core in two simulators
	tools/example_hardware.sh build/example-hardware

.PHONY: bench-languages
bench-languages: $(VENV)/.test ## what calls through Go and Rust cost over C, where their toolchains are
	$(call install,$(LIBRARY_PRESET))
	python bench/languages.py build/prefix-$(LIBRARY_PRESET) $(BENCH_ARGS)

.PHONY: examples
examples: $(VENV)/.test ## the programs of examples/node, built against an installed libaccel and tried on a block (LANGUAGES=c,go)
	$(call install,$(LIBRARY_PRESET))
	python tools/examples.py build/prefix-$(LIBRARY_PRESET) --jobs $(JOBS) --languages "$(LANGUAGES)"

.PHONY: bench-page
bench-page: $(VENV)/.ci ## the pages of bench/results again in build/bench-pages, checked, and the pictures in docs/
	python tools/bench_results.py pages build/bench-pages
	python tools/bench_results.py pictures docs

.PHONY: bench-result
bench-result: $(VENV)/.test ## measure this machine and keep the result in bench/results
	$(call build,bench,accel_bench)
	mkdir -p build/bench-pages
	accel bench --native --rounds 10 --output build/bench-pages/result.json $(BENCH_ARGS)
	python tools/bench_results.py add build/bench-pages/result.json

.PHONY: simulate-long
simulate-long: $(VENV)/.test ## 100,000 seeds of the consensus simulation; interrupted, it goes on where it was
	mkdir -p build
	accel chain simulate --seeds 0..100000 --progress build/simulate-long.json

.PHONY: twins-long
twins-long: $(VENV)/.test ## 180,000 scenarios of validators that run twice, and of some that must fork
	accel chain simulate --twins tests/consensus/twins_long.json

.PHONY: mutants
mutants: $(VENV)/.test ## plant every known bug in the consensus engine and find it; the table in docs/consensus-simulation.md
	python tools/mutant_table.py docs/consensus-simulation.md

.PHONY: cpp-test
cpp-test: $(VENV)/.test
	$(call build,checked)
	tools/run_cpp_tests.sh $(SHARDS) build/checked/csrc/tests/accel_tests --gtest_brief=1
	build/checked/csrc/tests/accel_misuse
	build/checked/csrc/tests/accel_soak --seconds 10

.PHONY: asan
# Not the tests that fork a process with threads: under clang's sanitizer the child waits for locks of the allocator.
asan: $(VENV)/.ci ## C++ tests under the address and undefined-behaviour sanitizers
	$(call build,asan)
	tools/run_cpp_tests.sh $(SHARDS) build/asan/csrc/tests/accel_tests --gtest_brief=1 \
	  --gtest_filter=-*.ForkWhile*
	build/asan/csrc/tests/accel_misuse
	build/asan/csrc/tests/accel_soak --seconds 10

.PHONY: ubsan
ubsan: $(VENV)/.test ## C++ tests under the undefined-behaviour sanitizer alone
	$(call build,ubsan)
	tools/run_cpp_tests.sh $(SHARDS) build/ubsan/csrc/tests/accel_tests --gtest_brief=1
	build/ubsan/csrc/tests/accel_misuse

.PHONY: tsan
tsan: $(VENV)/.test ## C++ tests under the thread sanitizer, but for those of arithmetic alone
	$(call build,tsan)
	tools/run_cpp_tests.sh $(SHARDS) build/tsan/csrc/tests/accel_tests --gtest_brief=1 --gtest_filter=-*/Sm2Hinted.*
	build/tsan/csrc/tests/accel_soak --seconds 10

.PHONY: soak
soak: $(VENV)/.$(if $(filter asan,$(SOAK_PRESET)),ci,test) ## random load over failing devices for SOAK_SECONDS (SOAK_PRESET=asan, tsan; SOAK_ARGS="--seed 7")
	$(call build,$(SOAK_PRESET),accel_soak)
	build/$(SOAK_PRESET)/csrc/tests/accel_soak --seconds $(SOAK_SECONDS) $(SOAK_ARGS)

.PHONY: ctime
ctime: $(VENV)/.ci ## constant time: secrets poisoned under valgrind memcheck; the vectors' instructions followed
	$(call build,ctime)
	tools/check_ctime.sh build/ctime/csrc/tests
	[ "$$(uname -m)" = x86_64 ] || exit 0
	[ -e build/trace/build.ninja ] || cmake --preset trace --log-level=WARNING
	cmake --build build/trace -j $(JOBS) --target trace_sm2
	python tools/check_trace.py build/trace/csrc/tests/trace_sm2

.PHONY: isa
isa: $(VENV)/.ci ## on emulated CPUs without AVX2, ADX ...: the right kernels, and no instruction that is not there
	$(call build,ctime)
	tools/check_isa.sh build/ctime/csrc/tests/isa_probe

.PHONY: fuzz
fuzz: $(VENV)/.ci ## every libFuzzer target for FUZZ_SECONDS each
	$(call build,asan)
	tools/run_fuzzers.sh build/asan/csrc/fuzz $(FUZZ_SECONDS)

.PHONY: fuzz-consensus
fuzz-consensus: $(VENV)/.test ## events, certificates, messages and log bytes against the consensus engine, at length
	HYPOTHESIS_PROFILE=long python -m pytest -q tests/consensus -m "not long" $(PYTEST_ARGS) \
	  -k "fuzz or tampered or any_bytes or whose_bytes_were_changed or any_damage or arbitrary_files"

.PHONY: aarch64
# Not the tests that fork a process with threads: there qemu-user itself (7.2) stops on an assertion of its own.
aarch64: $(VENV)/.ci ## cross build for aarch64, C++ tests under qemu-user
	$(call build,aarch64)
	tools/run_cpp_tests.sh $(SHARDS) qemu-aarch64 -L /usr/aarch64-linux-gnu build/aarch64/csrc/tests/accel_tests --gtest_brief=1 \
	  --gtest_filter=-*.ForkWhile*
	qemu-aarch64 -L /usr/aarch64-linux-gnu build/aarch64/csrc/tests/accel_misuse

.PHONY: symbols
symbols: $(VENV)/.test ## libaccel.so exports what accel.h declares, and nothing else; both headers are C and C++
	python -c 'import accel'
	python tools/check_symbols.py build/editable-* csrc/include/accel/accel.h
	for header in accel driver; do
	  for language in c11 c++17; do
	    printf '#include <accel/%s.h>\n' $$header |
	      gcc -std=$$language -pedantic -Wall -Wextra -Werror -fsyntax-only -Icsrc/include -x$${language%%[0-9]*} -
	  done
	done

.PHONY: abi
abi: $(VENV)/.ci ## the ABI is that of csrc/capi/accel.abi, or adds to it
	tools/check_abi.sh check

.PHONY: abi-baseline
abi-baseline: $(VENV)/.ci ## write csrc/capi/accel.abi anew, on purpose: see HACKING.md
	tools/check_abi.sh write

.PHONY: package
package: $(VENV)/.test ## C and C++ programs use what `cmake --install` leaves, through CMake and pkg-config
	$(call build,checked)
	prefix=$$(mktemp -d)
	trap 'rm -rf "$$prefix"' EXIT
	cmake --install build/checked --prefix "$$prefix/first" >/dev/null
	mv "$$prefix/first" "$$prefix/moved"  # no file in it names an absolute path
	tools/check_package.sh prefix "$$prefix/moved"

.PHONY: wheel
wheel: $(VENV)/.test ## build and repair the wheel, then try it in an environment of its own
	tools/check_wheel.sh

.PHONY: docs
docs: $(VENV)/.docs ## all pages and the references as HTML: build/docs/index.html
	rm -rf build/docs
	python -m sphinx -b html -c docs -d build/docs-doctrees -E -q -W --keep-going . build/docs
	echo build/docs/index.html

.PHONY: clean
clean: ## remove what was built, and the virtual environment
	rm -rf build dist $(VENV)
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
