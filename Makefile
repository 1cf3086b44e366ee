# Every target sets up what it needs: a virtual environment in .venv, installed from the locks. No root, nothing global.
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes --only-binary :all:
PYTEST := $(BIN)/python -m pytest
# More words for pytest: make test ONLY=--last-failed
ONLY ?=
# How `make test` spreads over processes, by pytest-xdist: most flows wait. One after another: make test SPREAD=
SPREAD ?= -n 4 --dist worksteal

.PHONY: run setup check test test-browser test-agents screenshots bench faults lock clean

run: $(VENV)/.runtime
	./callboard up

setup: $(VENV)/.dev

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST) -q tests/architecture

test: $(VENV)/.dev
	$(PYTEST) tests $(SPREAD) $(ONLY) --ignore=tests/agents --ignore=tests/browser --ignore=tests/faults

test-browser: $(VENV)/.dev
	sh tests/browser/install.sh
	$(PYTEST) tests/browser $(ONLY)

screenshots: $(VENV)/.dev
	$(BIN)/python tests/browser/screenshots.py

test-agents: $(VENV)/.dev
	sh tests/agents/install.sh
	$(PYTEST) tests/agents $(ONLY)

faults: $(VENV)/.dev
	$(PYTEST) tests/faults -s

bench: $(VENV)/.dev
	$(BIN)/python -m bench --write docs/figures.md

# For maintainers, after a change of the dependencies: needs `uv` on the PATH.
lock:
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q -o requirements.lock
	uv pip compile pyproject.toml --group dev -c requirements.lock --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q -o requirements-dev.lock

clean:
	rm -rf $(VENV)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "callboard: needs Python 3.11, 3.12 or 3.13 with venv on the PATH (Debian: apt-get install python3-venv); or: make PYTHON=/path/to/python3"; exit 2; }
	@echo "Setting up .venv (once, about a minute) ..."
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 2; }

$(VENV)/.runtime: requirements.lock | $(BIN)/python
	@$(PIP) -r requirements.lock
	@touch $@

$(VENV)/.dev: requirements.lock requirements-dev.lock | $(BIN)/python
	@$(PIP) -r requirements-dev.lock
	@touch $@ $(VENV)/.runtime
