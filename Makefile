# Everything that is done with a checkout. Needs Python 3.11 or newer (with venv and pip) and make, nothing else.
# Writes inside the checkout only; pip keeps its cache where it always does.

PYTHON  ?= python3
BIN     := .venv/bin
BENCH   := .venv-bench/bin
PIP     := $(BIN)/python -m pip --disable-pip-version-check --quiet
# mediascribe, and its Python client, which is a distribution of its own.
PROJECT := $(PIP) install --no-deps --no-build-isolation --editable . --editable ./client
SOURCES := pyproject.toml client/pyproject.toml
# tests/conftest.py says how many processes there are.
PYTEST  := $(BIN)/python -m pytest --numprocesses auto --dist worksteal
UV      := 0.13.9
LOCK     = .venv-lock/bin/uv pip compile pyproject.toml --quiet --no-config --no-cache --universal --python-version 3.11 \
           --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header $(UPGRADE)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv venv-dev demo test long faults check format bench soak lock clean

help: ## List what can be made
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

venv: .venv/ready ## Make .venv with all that mediascribe needs to run, from the hashed lock

venv-dev: .venv/ready-dev ## The same and the tools to test and check it

demo: .venv/ready ## Caption and transcribe examples/media into demo-output (without GEMINI_API_KEY: the local simulator answers)
	@$(BIN)/python examples/demo.py

test: check ## Check the code, then run every test against a real Redis and a real PostgreSQL
	@$(PYTEST) -m "not long"

long: .venv/ready-dev ## Run the tests that `make test` leaves out, a recording of three hours among them
	@$(PYTEST) -m long

faults: .venv/ready-dev ## Run every test of what may break, the long ones too
	@$(PYTEST) tests/faults

check: .venv/ready-dev ## Lint, formatting, types, import contracts
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: .venv/ready-dev ## Format the code and mend what the linter can mend
	@$(BIN)/ruff check --fix --exit-zero --quiet
	@$(BIN)/ruff format

bench: .venv-bench/ready ## Measure speed and memory on this machine beside other queues (SIZE=short for ten minutes)
	@$(BENCH)/python -m benchmarks

soak: .venv/ready-dev ## Work for an hour in bad weather and count what was lost (MINUTES=, BACKLOG=, WORKERS=, SEED= change it)
	@$(BIN)/python -m tests.faults.soak

lock: .venv-lock/bin/uv ## Write the lock files from pyproject.toml (UPGRADE=--upgrade takes newer versions)
	@$(LOCK) --group build --group dev --output-file requirements-dev.lock
	@$(LOCK) --group build --constraint requirements-dev.lock --output-file requirements.lock
	@$(LOCK) --group build --group dev --group bench --constraint requirements-dev.lock --output-file requirements-bench.lock

clean: ## Remove all that was made here, the data of the embedded mode excepted
	rm -rf .venv .venv-bench .venv-lock build dist demo-output *.egg-info client/build client/*.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps: as long as neither lock nor a pyproject.toml is newer, there is nothing to do.

%/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("mediascribe needs Python 3.11 or newer, $(PYTHON) is %d.%d: name another one with make PYTHON=..." % v[:2])'
	@$(PYTHON) -m venv $*

.venv/ready: requirements.lock $(SOURCES) | .venv/bin/python
	@echo "Installing mediascribe into .venv ..."
	@$(PIP) install --no-deps --require-hashes --requirement requirements.lock
	@$(PROJECT)
	@touch $@

# The development lock holds all that the other one holds, in the same versions.
.venv/ready-dev: requirements-dev.lock requirements.lock $(SOURCES) | .venv/bin/python
	@echo "Installing mediascribe and its development tools into .venv ..."
	@$(PIP) install --no-deps --require-hashes --requirement requirements-dev.lock
	@$(PROJECT)
	@touch .venv/ready $@

# The benchmarks have an environment of their own: tests run without the packages that mediascribe is compared with.
.venv-bench/ready: requirements-bench.lock pyproject.toml | .venv-bench/bin/python
	@echo "Installing mediascribe and its peers into .venv-bench ..."
	@$(BENCH)/python -m pip --disable-pip-version-check --quiet install --no-deps --require-hashes --requirement requirements-bench.lock
	@$(BENCH)/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation --editable .
	@touch $@

.venv-lock/bin/uv:
	@$(PYTHON) -m venv .venv-lock
	@.venv-lock/bin/python -m pip --disable-pip-version-check --quiet install uv==$(UV)
