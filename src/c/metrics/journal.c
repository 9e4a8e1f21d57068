/* SPDX-License-Identifier: Apache-2.0 */
/* metrics/journal.c - what each thread of a daemon is doing, where it can be read after its death.
 *
 * Owns:    struct cask_journal: a mapping.
 * Touches: platform/shm.
 * Threads: a slot has one writer, its thread; any process may read.
 * Invariants:
 *   (1) a slot's `version` is odd while it is written: a reader that sees it odd, or changed, takes
 *       nothing;
 *   (2) nothing that is read is used as a length, an index or a pointer before it was checked.
 */
#include "metrics/journal.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "platform/problem.h"
#include "platform/shm.h"

struct head {
    atomic_uint crash_signal; /* [shm:daemon] set last */
    atomic_uint crash_full;
    atomic_uint crash_thread;
    char unused[52];
};

struct slot {
    atomic_uint version;  /* [shm:thread] see (1) */
    atomic_uint text_len; /* [shm:thread] 0: idle */
    _Atomic int64_t start_us;
    char text[CASK_JOURNAL_TEXT];
    char unused[32];
};

_Static_assert(sizeof(struct head) == 64 && sizeof(struct slot) == 512, "whole cache lines");

struct cask_journal {
    struct head *head;
    struct slot *slots;
    uint32_t threads;
    size_t size;
};

static size_t
size_of(uint32_t threads)
{
    return sizeof(struct head) + (size_t)threads * sizeof(struct slot);
}

int
cask_journal_create(uint32_t threads, int *ret_fd, struct cask_problem *reterr_problem)
{
    return cask_shm_create("mod_cask journal", size_of(threads), ret_fd, reterr_problem);
}

int
cask_journal_map(int fd, uint32_t threads, bool writable, struct cask_journal **ret_journal,
                 struct cask_problem *reterr_problem)
{
    struct cask_journal *journal = calloc(1, sizeof(*journal));
    void *address = NULL;
    int status;

    if (journal == NULL) {
        return cask_problem_set(reterr_problem, ENOMEM, 302, "journal of a process");
    }
    status = cask_shm_map(fd, size_of(threads), writable, &address, &journal->size, reterr_problem);
    if (status != 0) {
        free(journal);
        return status;
    }
    journal->head = address;
    journal->slots = (struct slot *)(void *)((char *)address + sizeof(struct head));
    journal->threads = threads;
    *ret_journal = journal;
    return 0;
}

struct cask_journal *
cask_journal_free(struct cask_journal *journal)
{
    if (journal != NULL) {
        cask_shm_unmap(journal->head, journal->size);
        free(journal);
    }
    return NULL;
}

static struct slot *
slot_of(const struct cask_journal *journal, uint32_t thread)
{
    return journal != NULL && thread >= 1 && thread <= journal->threads
               ? &journal->slots[thread - 1]
               : NULL;
}

/* Bytes of text that fit behind `used` others. */
static size_t
fitting(size_t used, size_t len)
{
    size_t room = CASK_JOURNAL_TEXT - 1 - used;

    return len < room ? len : room;
}

void
cask_journal_begin(struct cask_journal *journal, uint32_t thread, int64_t start_us,
                   const char *method, size_t method_len, const char *url, size_t url_len)
{
    struct slot *slot = slot_of(journal, thread);
    unsigned version;
    size_t len;

    if (slot == NULL) {
        return;
    }
    version = atomic_load_explicit(&slot->version, memory_order_relaxed) | 1u;
    atomic_store_explicit(&slot->version, version, memory_order_relaxed); /* keeps (1) */
    atomic_thread_fence(memory_order_release);
    len = fitting(1, method_len);
    memcpy(slot->text, method, len);
    slot->text[len++] = ' ';
    url_len = fitting(len, url_len);
    memcpy(slot->text + len, url, url_len);
    atomic_store_explicit(&slot->start_us, start_us, memory_order_relaxed);
    atomic_store_explicit(&slot->text_len, (unsigned)(len + url_len), memory_order_relaxed);
    atomic_store_explicit(&slot->version, version + 1, memory_order_release);
}

void
cask_journal_end(struct cask_journal *journal, uint32_t thread)
{
    struct slot *slot = slot_of(journal, thread);

    if (slot != NULL) {
        atomic_store_explicit(&slot->text_len, 0, memory_order_relaxed);
    }
}

void
cask_journal_crash(struct cask_journal *journal, const struct cask_journal_crash *crash)
{
    if (atomic_load(&journal->head->crash_signal) == 0) {
        atomic_store(&journal->head->crash_full, crash->stack_full ? 1 : 0);
        atomic_store(&journal->head->crash_thread, crash->thread);
        atomic_store(&journal->head->crash_signal, (unsigned)crash->signal_number);
    }
}

bool
cask_journal_read(const struct cask_journal *journal, uint32_t thread,
                  struct cask_journal_entry *ret_entry)
{
    struct slot *slot = slot_of(journal, thread);
    unsigned version;
    size_t len;

    if (slot == NULL) {
        return false;
    }
    version = atomic_load_explicit(&slot->version, memory_order_acquire);
    len = atomic_load_explicit(&slot->text_len, memory_order_relaxed);
    if ((version & 1u) != 0 || len == 0 || len >= CASK_JOURNAL_TEXT) { /* keeps (2) */
        return false;
    }
    ret_entry->thread = thread;
    ret_entry->start_us = atomic_load_explicit(&slot->start_us, memory_order_relaxed);
    memcpy(ret_entry->text, slot->text, len);
    ret_entry->text[len] = '\0';
    atomic_thread_fence(memory_order_acquire);
    if (atomic_load_explicit(&slot->version, memory_order_relaxed) != version) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (ret_entry->text[i] < ' ' || ret_entry->text[i] > '~') {
            ret_entry->text[i] = '?';
        }
    }
    return true;
}

struct cask_journal_crash
cask_journal_crashed(const struct cask_journal *journal)
{
    return (struct cask_journal_crash){
        .signal_number = (int)(atomic_load(&journal->head->crash_signal) & 0x7fu),
        .stack_full = atomic_load(&journal->head->crash_full) == 1,
        .thread = atomic_load(&journal->head->crash_thread),
    };
}

uint32_t
cask_journal_threads(const struct cask_journal *journal)
{
    return journal->threads;
}
