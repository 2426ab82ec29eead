# make says what there is to do; make PYTHON=/path/to/python3 chooses the Python of the environment.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-builtin-rules --no-print-directory
# The tests start hundreds of Python processes. They share compiled files.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PACKAGES := outbox_core outbox relay inbox shop consumers devstack demo benchmarks tests docsite noxfile.py
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)

.PHONY: help demo serve unit test matrix check types docs bench torture containers clean

help: ## What there is to do
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  ARGS="..." goes to the command behind the target; PYTHON=... is what the environment is made with'

demo: $(READY) ## Real purchases through outbox, relay and Kafka to three services, and the proof
	@$(BIN)/python -m demo $(ARGS)

serve: $(READY) ## The shop, the relays and the consumers, to click through; Ctrl-C ends it
	@$(BIN)/python -m demo serve $(ARGS)

unit: $(READY) ## The tests that need no service, in seconds
	@$(BIN)/python -m pytest -q -m unit $(ARGS)

test: $(READY) ## All tests, on PostgreSQL and Kafka of their own, in three processes side by side
	@$(BIN)/python -m tests $(ARGS)

matrix: $(READY) ## Unit and integration tests on every supported Python, Django and PostgreSQL
	@$(BIN)/nox $(ARGS)

check: $(READY) ## Style, types and documentation
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(MAKE) types
	@$(BIN)/python -m docsite

types: $(READY) ## Types only, as the commit hook does
	@$(BIN)/mypy $(PACKAGES)

docs: $(READY) ## The documentation site, in site/
	@$(BIN)/python -m docsite
	@echo "Open site/index.html"

bench: $(READY) ## The figures
	@$(BIN)/python -m benchmarks $(ARGS)

torture: $(READY) ## Kill, stop and cut everything at random; FAULTS=how many, SEED=which ones
	@$(BIN)/python -m tests.torture $(if $(FAULTS),--faults $(FAULTS)) $(if $(SEED),--seed $(SEED)) $(ARGS)

containers: $(READY) ## The example on a Docker engine, killed and restarted; PATIENCE=how many times as slow this machine is
	@$(BIN)/python -m tests.containers $(ARGS)

clean: ## Remove what make and the tools have made here
	@rm -rf $(VENV) build dist site .nox *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml constraints.txt
	@python="$(PYTHON)"; \
	if ! "$${python:=python3}" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		echo "This needs Python 3.11 or later; $$python is $$("$$python" --version 2>&1 || true)." >&2; \
		echo "Install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; \
	fi; \
	if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
		echo "Making $(VENV) with $$("$$python" --version)"; \
		rm -rf $(VENV); "$$python" -m venv $(VENV); \
	fi; \
	echo "Installing what pyproject.toml asks for (once)"; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'; \
	touch $@
