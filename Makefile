# Everything from an empty clone: needs python3 (3.11 or newer), git, make and go, and configures nothing.

VENV := .venv
RAYEKS := $(VENV)/bin/rayeks
STACK ?= prod
# Each process of the tests has a Kubernetes and a Pulumi engine of its own: about 2 GiB.
WORKERS ?= 2
PYTHONS := python3 python3.13 python3.12 python3.11 python3.14
PYTHON := $(shell for p in $(PYTHONS); do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { command -v $$p; break; }; done)
# A virtual environment that was moved here, or whose Python is gone, counts as not filled.
STALE := $(shell test -d $(VENV) && { $(VENV)/bin/python -I -c \
	'import sys, rayeks; sys.exit(rayeks.__path__[0] != "$(CURDIR)/rayeks")' 2>/dev/null || rm -f $(VENV)/.layer-*; })

.DEFAULT_GOAL := help
.PHONY: help up down plan proof test drills lint bench setup lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

up: $(VENV)/.layer-all ## provision the local stack with the real engine, then run the training job on Ray
	@$(RAYEKS) up local
	@$(RAYEKS) launch train --stack local

down: $(VENV)/.layer-local ## destroy the local stack, prove that nothing is left, stop what was started
	@$(RAYEKS) down local

plan: $(VENV)/.layer-platform ## what a stack would be, from Python packages alone: make plan STACK=prod
	@$(RAYEKS) plan $(STACK)

proof: $(VENV)/.layer-local ## the real controllers place what a stack runs, on simulated nodes: make proof STACK=prod
	@$(RAYEKS) prove $(STACK)

test: $(VENV)/.layer-all lint ## lint, type check and every test but the slow ones
	@$(have-browser)
	@$(VENV)/bin/python -m pytest -m "not slow" --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

drills: $(VENV)/.layer-all ## the slow tests, such as jobs that are killed: make drills WHAT=tests/rayeks/launching
	@$(VENV)/bin/python -m pytest -m slow $(WHAT)

lint: $(VENV)/.layer-local ## formatting, lint and types
	@$(VENV)/bin/ruff format --check --quiet .
	@$(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/ty check --quiet .

bench: $(VENV)/.layer-local ## the project's own speed and memory, as ratios measured in one run
	@$(VENV)/bin/python -m benchmarks

setup: $(VENV)/.layer-all ## fill .venv from the locks and build the local tools; every target does what it needs

lock: ## resolve the locks anew
	@$(need-python)
	@$(PYTHON) requirements/venv.py lock

clean: down ## `down`, then remove the virtual environment and all that was remembered
	@rm -rf $(VENV) .uv .rayeks

$(VENV)/.layer-%: requirements/%.txt requirements/venv.py pyproject.toml
	@$(need-python)
	@$(PYTHON) requirements/venv.py $*

# A page is opened in a browser by its test, which says so where there is none: only root installs one unasked.
define have-browser
command -v chromium >/dev/null || command -v google-chrome >/dev/null || test "$$(id -u)" != 0 || { \
echo "installing chromium, in which a test opens a page"; \
{ apt-get update && apt-get install -y --no-install-recommends chromium; } >/dev/null 2>&1 || true; }
endef

define need-python
$(if $(PYTHON),true,echo "no Python 3.11 or newer among: $(PYTHONS)" >&2; python3 --version >&2; \
echo "  fix: install one (Debian, Ubuntu: apt install python3 python3-venv)" >&2; exit 1)
endef
