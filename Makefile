# SPDX-License-Identifier: Apache-2.0
# mod_cask: build, demo, tests. `make help` lists the commands.
#
# Everything made is below WORK, outside the checkout and readable by every user, because daemon
# groups run as other users. PYTHON=/path/to/python3 chooses the Python of a new work folder.

TOP  := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))
WORK ?= /var/tmp/mod-cask-$(shell id -u)/$(shell printf %s '$(TOP)' | cksum | cut -d' ' -f1)
VENV := $(WORK)/venv
PY   := $(VENV)/bin/python
PREPARE = WITHOUT='$(WITHOUT)' CASK_WORK='$(WORK)' PYTHON='$(PYTHON)' tools/prepare.sh

# Temporary files must be readable by other users, whatever the caller's umask is.
SHELL := /bin/bash
.SHELLFLAGS := -c
.DEFAULT_GOAL := help

.PHONY: help
help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## compile and install into the work folder
	@$(PREPARE) build

.PHONY: demo
demo: ## serve a Django and a Flask application (PORT=8000)
	@$(PREPARE) demo
	@umask 022; exec $(PY) demo/run.py --work '$(WORK)/demo' $(if $(PORT),--port $(PORT))

.PHONY: test
test: ## install what is missing, then run all tests (ARGS= for pytest)
	@$(PREPARE) test
	@umask 022; CASK_WORK='$(WORK)' exec $(PY) -m pytest -o cache_dir='$(WORK)/pytest' $(or $(ARGS),tests)

.PHONY: test-fast
test-fast: ## the tests that take no server
	@$(PREPARE) build
	@umask 022; CASK_WORK='$(WORK)' exec $(PY) -m pytest -o cache_dir='$(WORK)/pytest' -q tests/source tests/unit_py $(ARGS)

.PHONY: soak
soak: ## the tests that take long: many GB, fuzzers for SOAK_SECONDS (600) (ARGS= for pytest)
	@$(PREPARE) soak
	@umask 022; CASK_WORK='$(WORK)' exec $(PY) -m pytest --soak -o cache_dir='$(WORK)/pytest' $(or $(ARGS),tests)

.PHONY: bench
bench: ## measure against a bare C handler and PyPI's mod_wsgi
	@$(PREPARE) bench
	@$(PY) tests/bench/bench.py $(ARGS)

.PHONY: docs
docs: ## write the reference pages anew
	@$(PREPARE) build
	@$(PY) docs/generate.py

.PHONY: hooks
hooks: ## install the git pre-commit hook
	@printf '#!/bin/sh\nexec make -s test-fast\n' >"$$(git rev-parse --git-path hooks)/pre-commit"
	@chmod +x "$$(git rev-parse --git-path hooks)/pre-commit"

.PHONY: clean
clean: ## remove the work folder
	rm -rf '$(WORK)' '$(WORK)-asan'

UNIT_OUT := $(WORK)/unit_c
-include tests/unit_c/unit.mk
-include $(wildcard tests/tools/*.mk)
