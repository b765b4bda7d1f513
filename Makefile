# Two commands matter: `make demo` and `make test`. Each sets up what it needs, once.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
DEMO   := btheb mbsr
STUDIES := $(DEMO) mbsr_null eudaimon3
# Processes of `make test`, and R's of `make demo` and `make record`. Four are as fast as more.
JOBS   ?= $(shell n=$$(nproc 2>/dev/null || echo 2); echo $$((n < 4 ? n : 4)))

# Debian's names. The R side needs the r-* ones; a compiler and the headers build rpy2.
R_PACKAGES  := r-base-core r-base-dev r-cran-lme4 r-cran-lmertest r-cran-pbkrtest r-cran-emmeans \
               r-cran-jsonlite r-cran-nlme r-cran-glmmtmb r-cran-hsaur3 r-cran-numderiv \
               r-cran-minqa r-cran-digest r-cran-survival r-cran-sandwich r-cran-clubsandwich \
               r-cran-mice
PY_PACKAGES := python3-venv python3-dev

# One thread for every BLAS: results must not depend on the number of cores.
export OPENBLAS_NUM_THREADS := 1
export OMP_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

.PHONY: help setup system demo test test-exhaustive bench lint format record observe constraints clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: system  ## R and its packages (apt), .venv, pinned Python packages
	@$(MAKE) venv

# With R there is one more package to build; installing R later completes the environment.
READY := $(VENV)/.ready$(if $(shell command -v R),-with-r)
.PHONY: venv
venv: $(READY)
	@:

# Installs what is missing when it may; says in one line what it cannot install. Silent when nothing is.
system:
	@command -v dpkg-query >/dev/null || exit 0; \
	wanted="$(R_PACKAGES)"; \
	header="$$($(PYTHON) -c 'import ensurepip, venv, sysconfig; print(sysconfig.get_path("include"))' 2>/dev/null || true)/Python.h"; \
	[ -e "$$header" ] || wanted="$$wanted $(PY_PACKAGES)"; \
	missing=""; \
	for name in $$wanted; do \
	  dpkg-query -W -f='$${db:Status-Status}' "$$name" 2>/dev/null | grep -qx installed || missing="$$missing $$name"; \
	done; \
	[ -n "$$missing" ] || exit 0; \
	if [ "$$(id -u)" = 0 ]; then as=""; \
	elif sudo -n true 2>/dev/null; then as="sudo"; \
	else echo "setup: cannot install without root, going on with the recorded references; missing:$$missing" >&2; exit 0; fi; \
	echo "setup: installing$$missing" >&2; \
	said="$$({ $$as apt-get update -qq && $$as env DEBIAN_FRONTEND=noninteractive \
	  apt-get install -y -qq --no-install-recommends $$missing; } 2>&1)" || { echo "$$said" >&2; exit 4; }

$(READY): pyproject.toml constraints.txt
	@echo "setup: making $(VENV)" >&2
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@export PIP_CONSTRAINT="$(CURDIR)/constraints.txt" PIP_DISABLE_PIP_VERSION_CHECK=1; \
	$(BIN)/python -m pip install --quiet --editable ".[dev]"; \
	if command -v R >/dev/null; then \
	  $(BIN)/python -m pip install --quiet --editable ".[r]" || \
	    echo "setup: rpy2 could not be built, going on with the recorded references" >&2; \
	fi
	@touch $@

# The studies run side by side and are shown one after the other; the last is the longest, and the
# progress bar is its.
LAST := $(lastword $(DEMO))
demo: setup  ## the main job: gate, port, R, diff table, for two trials
	@said="$$(mktemp -d)"; pids=""; status=0; [ ! -t 1 ] || export FORCE_COLOR=1; \
	trap 'kill $$pids 2>/dev/null || true; rm -rf "$$said"' EXIT; trap 'exit 130' INT; trap 'exit 143' TERM; \
	run() { $(BIN)/harness run fixtures/$$1/plan.yaml --out out/$$1 --jobs $(JOBS); }; \
	worst() { [ "$$1" -le "$$status" ] || status=$$1; }; \
	for study in $(filter-out $(LAST),$(DEMO)); do run $$study >"$$said/$$study" 2>&1 & pids="$$pids $$!"; done; \
	run $(LAST) >"$$said/$(LAST)" || worst $$?; \
	for pid in $$pids; do wait $$pid || worst $$?; done; pids=""; \
	for study in $(DEMO); do cat "$$said/$$study"; done; exit $$status

test: setup  ## every test but the exhaustive tier
	@$(BIN)/python -m pytest -q -n $(JOBS) -m "not exhaustive and not bench"

test-exhaustive: setup  ## the long tier: random designs, mutation runs
	@$(BIN)/python -m pytest -q -n $(JOBS) -m "exhaustive" --timeout=0

bench: setup  ## speed against lme4 in the same run
	@env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BIN)/python tests/bench/bench.py

lint: venv  ## formatter, linter, type checker
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: venv  ## rewrite with the formatter and the linter's safe fixes
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

record: setup  ## fit R afresh and rewrite every study's recorded references
	@for study in $(STUDIES); do $(BIN)/harness record fixtures/$$study/plan.yaml --jobs $(JOBS); done

observe: setup  ## write the largest differences seen into the policy (trials, random designs; R)
	@$(BIN)/python tests/against_r/observe.py

constraints: venv  ## rewrite constraints.txt from this environment
	@{ head -1 constraints.txt; $(BIN)/python -m pip freeze --exclude-editable --all | grep -v -E '^(pip|wheel)==' | sort -f; } > constraints.new
	@mv constraints.new constraints.txt

clean:  ## remove what the targets made, but nothing of apt's
	@rm -rf $(VENV) out
