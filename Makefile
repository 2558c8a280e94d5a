# The targets that a person remembers. CMake builds (see CMakePresets.json); the scripts in tools/ do the rest.
#
#   make run PORT=9090 DATA=/tmp/try      make fuzz T=json SECONDS=300      make bench ARGS=--quick
#   make install DESTDIR=/tmp/stage PREFIX=/usr

PORT    ?=
DATA    ?= parley-data
PREFIX  ?= /usr/local
SECONDS ?= 60
T       ?=
ARGS    ?=
DESTDIR ?=

dev: ## Build for every day (ASan, UBSan, warnings are errors) and run the unit tests
	@cmake --preset dev
	@cmake --build --preset dev
	@ctest --preset dev

run: ## Install what is missing, build, start a server and say how to talk to it (one PORT=, DATA=)
	@PORT='$(PORT)' DATA='$(DATA)' tools/run.sh

test: ## Install what is missing, build, run everything that must pass
	@tools/test.sh

live: ## The live tests alone, against build/dev (PARLEY_FLAGS="--engine epoll --workers 4")
	@tools/live.sh

sdk: ## The tests of the JavaScript SDK alone, against build/dev
	@tools/sdk.sh types
	@tools/sdk.sh

fuzz: ## Fuzz one target (T=json) or all, each for SECONDS=60
	@tools/fuzz.sh '$(SECONDS)' $(T)

bench: ## Measure beside the peers and the kernel's limit (ARGS=--quick)
	@tools/install-deps.sh bench
	@cmake --preset release
	@cmake --build --preset release
	@bench/run.py $(ARGS)

check: ## The layer table, the banned calls, the layout where clang-format is installed
	@tools/check.sh

fmt: ## Lay out all C files (.clang-format)
	@git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i

docs: ## Print the generated pages of docs/ anew
	@tools/docs.sh

install: ## Install program, library, header and manual under DESTDIR and PREFIX=/usr/local
	@tools/install-deps.sh run
	@cmake --preset release -DCMAKE_INSTALL_PREFIX='$(PREFIX)'
	@cmake --build --preset release
	@DESTDIR='$(DESTDIR)' cmake --install build/release
	@[ -n '$(DESTDIR)' ] || ldconfig 2>/dev/null || true

clean: ## Remove what was built; data directories stay
	@rm -rf build tests/live/node_modules sdk/js/node_modules

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

.PHONY: dev run test live sdk fuzz bench check fmt docs install clean help
