# SPDX-License-Identifier: Apache-2.0
# unit_c/fuzz.mk - the fuzzers: build them, and keep what they find (included by unit.mk).
#
#   make fuzz           libFuzzer, each fuzzer for FUZZ_SECONDS (needs clang)
#   make fuzz-corpus    what long runs have found goes into tests/corpus/fuzz/<name>.zip, as few
#                       inputs as reach the same code
#
# A fuzzer is unit_c/<room>/fuzz_<name>.c. fuzz-build-replay links them with fuzz_main.c instead of
# libFuzzer: gcc is enough to run the corpus and changed copies of it (test_fuzz.py).

FUZZ_SECONDS ?= 60
UNIT_FUZZERS := $(wildcard $(UNIT_DIR)*/fuzz_*.c)
FUZZ_NAMES := $(patsubst fuzz_%,%,$(basename $(notdir $(UNIT_FUZZERS))))
FUZZ_CORPUS := $(UNIT_TOP)/tests/corpus/fuzz
FUZZ_SEEDS := $(FUZZ_NAMES:%=$(UNIT_OUT)/seeds/%/.made)
FUZZ_PYTHON ?= $(or $(PY),python3)

fuzz_source = $(filter %/fuzz_$(1).c,$(UNIT_FUZZERS))
# tests/corpus/proto is the corpus of frames that test_frame.c reads, too.
fuzz_seeds = $(UNIT_OUT)/seeds/$(1) $(if $(filter frame reply request,$(1)),$(UNIT_TOP)/tests/corpus/proto)

$(UNIT_OUT)/seeds/%/.made: $(FUZZ_CORPUS)/%.zip
	@rm -rf $(@D) && mkdir -p $(@D) && $(FUZZ_PYTHON) -m zipfile -e $< $(@D) && touch $@

# $(1) name
define fuzz_rules
$(UNIT_OUT)/fuzz/fuzz_$(1): $(call fuzz_source,$(1)) $(UNIT_HEADERS) $(UNIT_OUT)/fuzz/libcask.a
	@echo "  fuzz $$(@F)"
	@clang $(UNIT_CFLAGS) -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
	    -o $$@ $(call fuzz_source,$(1)) $(UNIT_OUT)/fuzz/libcask.a $(UNIT_LIBS)
$(UNIT_OUT)/replay/fuzz_$(1): $(call fuzz_source,$(1)) $(UNIT_DIR)fuzz_main.c $(UNIT_HEADERS) \
    $(UNIT_OUT)/asan/libcask.a
	@mkdir -p $$(@D)
	@echo "  replay $$(@F)"
	@$(UNIT_CC) $(UNIT_CFLAGS) $(UNIT_FLAVOUR_asan) -o $$@ $(call fuzz_source,$(1)) \
	    $(UNIT_DIR)fuzz_main.c $(UNIT_OUT)/asan/libcask.a $(UNIT_LIBS)
endef
$(foreach name,$(FUZZ_NAMES),$(eval $(call fuzz_rules,$(name))))

.PHONY: fuzz fuzz-build fuzz-build-replay fuzz-corpus
fuzz-build: $(FUZZ_SEEDS) $(FUZZ_NAMES:%=$(UNIT_OUT)/fuzz/fuzz_%)
fuzz-build-replay: $(FUZZ_SEEDS) $(FUZZ_NAMES:%=$(UNIT_OUT)/replay/fuzz_%)

# What is new goes into $(UNIT_OUT)/fuzz/found/<name>, an input that ends the program beside it.
define fuzz_run
mkdir -p $(UNIT_OUT)/fuzz/found/$(1) && $(UNIT_OUT)/fuzz/fuzz_$(1) -rss_limit_mb=0 -timeout=20 \
    -max_len=65536 -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=$(UNIT_OUT)/fuzz/$(1)- \
    -print_final_stats=1 $(UNIT_OUT)/fuzz/found/$(1) $(call fuzz_seeds,$(1))

endef
define fuzz_merge
mkdir -p $(UNIT_OUT)/fuzz/found/$(1) $(FUZZ_CORPUS) && rm -rf $(UNIT_OUT)/fuzz/merged && \
    mkdir $(UNIT_OUT)/fuzz/merged && $(UNIT_OUT)/fuzz/fuzz_$(1) -rss_limit_mb=0 -merge=1 \
    $(UNIT_OUT)/fuzz/merged $(UNIT_OUT)/seeds/$(1) $(UNIT_OUT)/fuzz/found/$(1) && \
    $(FUZZ_PYTHON) $(UNIT_TOP)/tests/tools/pack.py $(FUZZ_CORPUS)/$(1).zip $(UNIT_OUT)/fuzz/merged

endef
fuzz: fuzz-build ## libFuzzer on every parser, FUZZ_SECONDS each (needs clang)
	$(foreach name,$(or $(NAME),$(FUZZ_NAMES)),$(call fuzz_run,$(name)))
fuzz-corpus: fuzz-build ## keep what long runs of the fuzzers have found
	$(foreach name,$(FUZZ_NAMES),$(call fuzz_merge,$(name)))
