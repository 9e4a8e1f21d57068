# SPDX-License-Identifier: Apache-2.0
# tests/tools/check.mk - make check, analyze, format (included by the Makefile).

.PHONY: check
check: ## source rules, format, ruff, warnings as errors (WITHOUT="clang ruff" leaves tools out)
	@WITHOUT='$(WITHOUT)' $(PREPARE) check
	@CASK_WORK='$(WORK)' PY='$(PY)' WITHOUT='$(WITHOUT)' tests/tools/check.sh check

.PHONY: analyze
analyze: ## clang -Wthread-safety, gcc -fanalyzer, cppcheck
	@WITHOUT='$(WITHOUT)' $(PREPARE) check
	@PY='$(PY)' WITHOUT='$(WITHOUT)' tests/tools/check.sh analyze

.PHONY: format
format: ## reformat the C files
	@tests/tools/check.sh format
