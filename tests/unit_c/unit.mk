# SPDX-License-Identifier: Apache-2.0
# unit_c/unit.mk - the C unit tests: build and run (included by the Makefile; works alone too).
#
#   make unit-c    under AddressSanitizer and UndefinedBehaviourSanitizer; the normal run
#   make asan      the same, again as `torture`, then the behaviour tests (tests/tools/sanitized.mk)
#   make torture   allocation 1, 2, 3, ... of the code under test fails
#   make tsan      under ThreadSanitizer: what several threads touch
#
# Only gcc is needed for the others. unit-c-build only builds (tests/unit_c/test_unit_c.py).

UNIT_DIR := $(dir $(lastword $(MAKEFILE_LIST)))
UNIT_TOP := $(UNIT_DIR)../..
UNIT_OUT ?= $(if $(WORK),$(WORK)/unit_c,$(UNIT_TOP)/build/unit_c)
UNIT_CC ?= gcc
FUZZ_SECONDS ?= 60

# The rooms that need neither httpd nor Python.
UNIT_ROOMS := platform proto request metrics wire proc
UNIT_SRC := $(foreach room,$(UNIT_ROOMS),$(wildcard $(UNIT_TOP)/src/c/$(room)/*.c))
# Of apache/, the files that need APR only.
UNIT_SRC += $(foreach stem,access expand prefix proxies proxies_text values,$(UNIT_TOP)/src/c/apache/$(stem).c)
UNIT_APR ?= apr-1-config
UNIT_TESTS := $(wildcard $(UNIT_DIR)*/test_*.c)
UNIT_HEADERS := $(wildcard $(UNIT_TOP)/src/c/*/*.h $(UNIT_TOP)/src/c/*/*.def $(UNIT_DIR)*.h \
    $(UNIT_DIR)*/*.h $(UNIT_DIR)*/fuzz_*.c)

UNIT_WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
    -Wold-style-definition -Wvla -Wformat=2 -Wundef -Wpointer-arith -Wwrite-strings \
    -Wimplicit-fallthrough
UNIT_CFLAGS := -std=gnu11 -D_GNU_SOURCE -DCASK_VERSION=\"unit\" -g -O1 -fno-omit-frame-pointer $(UNIT_WARNINGS) \
    -I$(UNIT_TOP)/src/c -I$(UNIT_DIR) -pthread \
    $(shell $(UNIT_APR) --cppflags 2>/dev/null) -isystem $(shell $(UNIT_APR) --includedir 2>/dev/null)
UNIT_LIBS := -Wl,--as-needed $(shell $(UNIT_APR) --link-ld 2>/dev/null)
UNIT_WRAP := -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray \
    -Wl,--wrap=strdup,--wrap=strndup
UNIT_FLAVOUR_asan := -fsanitize=address,undefined -fno-sanitize-recover=undefined
UNIT_FLAVOUR_tsan := -fsanitize=thread
UNIT_FLAVOUR_fuzz := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
UNIT_CC_fuzz := clang

unit_test_name = $(subst /,_,$(patsubst $(UNIT_DIR)%.c,%,$(1)))
unit_object = $(UNIT_OUT)/$(1)/src_$(subst /,_,$(patsubst $(UNIT_TOP)/src/c/%.c,%,$(2))).o
unit_binaries = $(foreach test,$(UNIT_TESTS),$(UNIT_OUT)/$(1)/$(call unit_test_name,$(test)))

# $(1) flavour, $(2) source
define unit_source_rule
$(call unit_object,$(1),$(2)): $(2) $(UNIT_HEADERS)
	@mkdir -p $(UNIT_OUT)/$(1)
	@echo "  $(1) $$(@F)"
	@$(or $(UNIT_CC_$(1)),$(UNIT_CC)) $(UNIT_CFLAGS) $(UNIT_FLAVOUR_$(1)) -c -o $$@ $(2)
endef
# $(1) flavour, $(2) test; rig*.c beside it is shared by the tests of a room
define unit_test_rule
$(UNIT_OUT)/$(1)/$(call unit_test_name,$(2)): $(2) $(wildcard $(dir $(2))rig*.c) \
    $(UNIT_DIR)unit.c $(UNIT_HEADERS) $(UNIT_OUT)/$(1)/libcask.a
	@echo "  $(1) $$(@F)"
	@$(UNIT_CC) $(UNIT_CFLAGS) $(UNIT_FLAVOUR_$(1)) $(UNIT_WRAP) -o $$@ $(2) \
	    $(wildcard $(dir $(2))rig*.c) $(UNIT_DIR)unit.c $(UNIT_OUT)/$(1)/libcask.a $(UNIT_LIBS)
endef
define unit_library_rules
$(foreach source,$(UNIT_SRC),$(eval $(call unit_source_rule,$(1),$(source))))
$(UNIT_OUT)/$(1)/libcask.a: $(foreach source,$(UNIT_SRC),$(call unit_object,$(1),$(source)))
	@rm -f $$@
	@ar rcs $$@ $$^
endef
$(foreach flavour,asan tsan fuzz,$(eval $(call unit_library_rules,$(flavour))))
$(foreach flavour,asan tsan,$(foreach test,$(UNIT_TESTS),$(eval \
    $(call unit_test_rule,$(flavour),$(test)))))

# $(1) flavour, $(2) arguments
unit_run = @set -e; for test in $(call unit_binaries,$(1)); do echo "== $${test\#\#*/}"; \
    UNIT_CORPUS=$(UNIT_TOP)/tests/corpus $$test $(2); done

.PHONY: unit-c unit-c-build unit-c-build-tsan torture tsan
unit-c-build: $(call unit_binaries,asan)
unit-c-build-tsan: $(call unit_binaries,tsan)
unit-c: unit-c-build ## C unit tests under ASan and UBSan
	$(call unit_run,asan,)
torture: unit-c-build ## the same while one allocation after the other fails
	$(call unit_run,asan,--torture)
# The tests of proc/ start processes and have deadlines; threads meet in the other rooms.
tsan: unit-c-build-tsan ## C unit tests under ThreadSanitizer
	@set -e; for test in $(filter-out %/proc_test_supervisor,$(call unit_binaries,tsan)); do \
	    echo "== $${test##*/}"; UNIT_CORPUS=$(UNIT_TOP)/tests/corpus $$test; done

include $(UNIT_DIR)fuzz.mk
