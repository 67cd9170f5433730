# A thin front: CMake does the work. `make help` lists what there is.
.DEFAULT_GOAL := help
.PHONY: help setup oracles build test test-release demo demo-dpo bench fuzz format lint clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: ## packages and the torch wheel that hone links to
	@tools/setup.sh build

oracles: ## also the Python environment of reference libraries, for the tests
	@tools/setup.sh oracles

build: setup ## the program at build/release/hone
	@cmake --preset release >build/configure.log 2>&1 || { cat build/configure.log; exit 1; }
	@cmake --build --preset release --target hone

test: oracles ## everything: unit, property, parity, fuzz corpora, command line, end to end, sanitizers, lint
	@tools/test.sh

test-release: oracles ## the same without sanitizers and lint: a quarter of the time
	@tools/test.sh release

demo: build ## a small model tuned on data of this repository, compared with what it was before
	@tools/demo.sh

demo-dpo: build ## preferences: DPO after a short supervised tuning, margins on held-out pairs
	@tools/demo_dpo.sh

bench: build oracles ## measurements against the reference libraries, into bench/results/
	@tools/bench.sh

fuzz: setup ## every fuzz target for SECONDS each (10 unless told), from its corpus
	@tools/fuzz.sh $(SECONDS)

lint: setup ## only the form of the sources: clang-format, clang-tidy
	@tools/lint.sh

format: ## clang-format over all sources, in place
	@tools/lint.sh --fix

clean: ## remove what was built (caches outside the clone stay)
	rm -rf build runs
