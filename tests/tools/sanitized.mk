# SPDX-License-Identifier: Apache-2.0
# tests/tools/sanitized.mk - make asan: everything under AddressSanitizer and
# UndefinedBehaviourSanitizer (included by the Makefile).
#
# The module and the engine are built a second time, into a work folder of their own. httpd and
# Python are not: they get the runtimes by LD_PRELOAD (tests/harness/sanitizer.py). A report fails
# the test during which it was written; reports stay in $(ASAN_WORK)/reports.

ASAN_WORK := $(WORK)-asan
ASAN_CFLAGS := -O1 -fno-omit-frame-pointer -U_FORTIFY_SOURCE \
    -fsanitize=address,undefined -fno-sanitize-recover=undefined

.PHONY: asan
asan: unit-c torture asan-httpd ## everything under ASan and UBSan: C unit tests, then a real httpd

.PHONY: asan-httpd
asan-httpd: ## the behaviour tests only (ARGS= for pytest)
	@CASK_WORK='$(ASAN_WORK)' PYTHON='$(PYTHON)' CFLAGS='$(ASAN_CFLAGS)' tools/prepare.sh test
	@rm -rf '$(ASAN_WORK)/reports' && mkdir -m 1777 '$(ASAN_WORK)/reports' && \
	    chmod 1777 '$(ASAN_WORK)/reports'
	@umask 022; CASK_WORK='$(ASAN_WORK)' CASK_TEST_REPORTS='$(ASAN_WORK)/reports' \
	    exec '$(ASAN_WORK)/venv/bin/python' -m pytest -o cache_dir='$(ASAN_WORK)/pytest' \
	    $(or $(ARGS),tests/httpd)
