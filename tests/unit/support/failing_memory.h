/* Memory that runs out when a test says so: memory_try_allocate and memory_try_resize of all code
 * but base/memory.c come here first (the linker's --wrap, see the Makefile). Any thread.
 *
 * Calls that end the process by contract when they find no memory are spared: buffer_add and its
 * like, and the collecting of what a command that has run did (log_writer_append). */
#ifndef HOLDFAST_TESTS_FAILING_MEMORY_H
#define HOLDFAST_TESTS_FAILING_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* Call number `call` from now on (from 1) of those for `size_min` bytes and more gets NULL, and
 * with `for_good` all after it, too. 0: none does. */
void failing_memory_begin(unsigned call, size_t size_min, bool for_good);
/* From now on none fails. True if one did since the last failing_memory_begin. */
bool failing_memory_end(void);

#endif
