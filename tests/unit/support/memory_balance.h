/* Has a test program given back all memory that it took? So that memory lost on a rare path is
 * noticed in any build; the sanitizer says where.
 *
 * Counts what the thread of the tests takes and frees, by the allocator's own counts: not for
 * programs in which another thread frees what it took, or two run at a time. Where there are no
 * such counts (watched builds) the test passes: the watcher looks. */
#ifndef HOLDFAST_TESTS_MEMORY_BALANCE_H
#define HOLDFAST_TESTS_MEMORY_BALANCE_H

#include <stdint.h>

/* The group's set-up. Returns 0. */
int memory_balance_begin(void **state);
/* Bytes taken since then and not given back; 0 in a watched build. */
int64_t memory_balance_now(void);
/* A test: the last of the group. */
void all_memory_was_given_back(void **state);

#endif
